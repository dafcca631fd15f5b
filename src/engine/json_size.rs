//! How much JSON a text holds, told before any of it is read: a text of zeros or of empty lists takes
//! forty times its size in memory once it is read.

/// Most values that a file of drctl may hold. Each takes up to 200 bytes in memory. A state has about 80
/// a resource, so fifty thousand resources fit.
pub const MOST_VALUES: usize = 4_000_000;

/// Whether a text holds no more than [`MOST_VALUES`]. What is no JSON is left to whoever reads it.
pub fn is_bounded(text: &[u8]) -> bool {
    text.len() < MOST_VALUES || values(text) <= MOST_VALUES
}

/// The beginnings of lists and objects, and what separates their members.
fn values(text: &[u8]) -> usize {
    let (mut count, mut quoted, mut bytes) = (0, false, text.iter());
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => quoted = !quoted,
            b'\\' if quoted => drop(bytes.next()),
            b'[' | b'{' | b',' | b':' if !quoted => count += 1,
            _ => {}
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_counted_and_what_stands_in_texts_is_not() {
        assert_eq!(values(br#"{"a": [0, 0, {}], "b,:[{": "\",[\\"}"#), 8);
        assert_eq!(values(b""), 0);
    }

    #[test]
    fn only_a_text_of_very_many_values_is_refused() {
        let zeros = |count: usize| format!("[0{}]", ",0".repeat(count)).into_bytes();
        assert!(is_bounded(&zeros(MOST_VALUES - 1)));
        assert!(!is_bounded(&zeros(MOST_VALUES)));
        assert!(is_bounded(format!("\"{}\"", ",".repeat(2 * MOST_VALUES)).as_bytes()));
    }
}
