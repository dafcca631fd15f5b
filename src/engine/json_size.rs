//! How much JSON a text holds, told before any of it is read: a text of zeros or of empty lists takes
//! forty times its size in memory once it is read.

/// Most values that a file of drctl may hold. Each takes up to 200 bytes in memory. A state has about 80
/// a resource, so fifty thousand resources fit, which is as many as a program may have.
pub const MOST_VALUES: usize = 4_000_000;

/// The same for a log: what happens to a resource is told in several lines.
pub const MOST_LOGGED: usize = 4 * MOST_VALUES;

/// Whether a text holds no more values than that. What is no JSON is left to whoever reads it.
pub fn is_bounded(text: &[u8], most: usize) -> bool {
    text.len() < most || values(text) <= most
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
        assert!(is_bounded(&zeros(99), 100));
        assert!(!is_bounded(&zeros(100), 100));
        assert!(is_bounded(format!("\"{}\"", ",".repeat(200)).as_bytes(), 100));
    }
}
