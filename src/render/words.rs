//! Numbers, times and names in words.

use crate::engine::urn::Urn;
pub(crate) use crate::engine::urn::type_name;

/// `1 resource`, `3 resources`.
pub(crate) fn count(n: usize, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") }
}

/// Milliseconds as people say them: `40 ms`, `3.2 s`, `4 min 05 s`, `1 h 04 min`.
pub(crate) fn duration(milliseconds: u64) -> String {
    let seconds = milliseconds / 1000;
    match milliseconds {
        0..1_000 => format!("{milliseconds} ms"),
        1_000..10_000 => format!("{}.{} s", seconds, milliseconds % 1000 / 100),
        10_000..60_000 => format!("{seconds} s"),
        60_000..3_600_000 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// A resource as people refer to it: type and name.
pub(crate) fn resource(urn: &Urn) -> String {
    format!("{} {}", type_name(urn.ty()), urn.name())
}

/// Where a stack lives, as people read it: nobody may take a simulation for what there is.
pub(crate) fn target(name: &str) -> &str {
    if name == "twin" { "the twin, simulated" } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rounded_down_and_never_show_more_than_two_units() {
        let times = [0, 999, 1_050, 59_999, 60_000, 245_000, 3_840_000];
        let words: Vec<String> = times.into_iter().map(duration).collect();
        assert_eq!(words, ["0 ms", "999 ms", "1.0 s", "59 s", "1 min 00 s", "4 min 05 s", "1 h 04 min"]);
    }
}
