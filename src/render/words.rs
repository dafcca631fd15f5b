//! Numbers, times and names in words.

use crate::engine::urn::Urn;

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

/// `ec2:Vpc` of `aws:ec2/vpc:Vpc`. The package is left out where it is `aws`.
pub(crate) fn type_name(token: &str) -> String {
    let mut parts = token.split(':');
    let (package, module, name) = (parts.next(), parts.next(), parts.next());
    let (Some(package), Some(module), Some(name)) = (package, module, name) else { return token.to_owned() };
    let module = module.split('/').next().filter(|m| !m.is_empty() && *m != "index");
    let package = (package != "aws").then_some(package);
    package.into_iter().chain(module).chain([name]).collect::<Vec<_>>().join(":")
}

/// A resource as people refer to it: type and name.
pub(crate) fn resource(urn: &Urn) -> String {
    format!("{} {}", type_name(urn.ty()), urn.name())
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

    #[test]
    fn a_type_name_keeps_what_tells_it_apart() {
        assert_eq!(type_name("aws:ec2/vpc:Vpc"), "ec2:Vpc");
        assert_eq!(type_name("random:index/randomPassword:RandomPassword"), "random:RandomPassword");
        assert_eq!(type_name("odd"), "odd");
    }
}
