//! Names as Route 53 writes them: lower case, a dot at the end, rare characters as octal numbers.

/// The name as people write it: `\052.Example.com.` → `*.example.com`.
pub(super) fn plain(name: &str) -> String {
    let mut plain = String::with_capacity(name.len());
    let mut rest = name.strip_suffix('.').unwrap_or(name);
    while let Some((before, after)) = rest.split_once('\\') {
        plain.push_str(before);
        // An escaped dot is part of a label, and stays different from one between labels.
        match after.get(..3).and_then(octal).filter(|c| *c != '.') {
            Some(c) => {
                plain.push(c);
                rest = &after[3..];
            }
            None => {
                plain.push('\\');
                rest = after;
            }
        }
    }
    plain.push_str(rest);
    plain.make_ascii_lowercase();
    plain
}

fn octal(digits: &str) -> Option<char> {
    u8::from_str_radix(digits, 8).ok().filter(u8::is_ascii).map(char::from)
}

/// The name in a zone, of a name that may lack the zone's: `www` → `www.example.com`.
pub(super) fn inside(name: &str, zone: &str) -> String {
    let (name, zone) = (plain(name), plain(zone));
    if name.is_empty() {
        zone
    } else if name == zone || name.strip_suffix(&zone).is_some_and(|head| head.ends_with('.')) {
        name
    } else {
        format!("{name}.{zone}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octal_numbers_case_and_the_last_dot_mean_nothing() {
        assert_eq!(plain("\\052.Example.COM."), "*.example.com");
        assert_eq!(plain("0\\05725.2.0.192.in-addr.arpa."), "0/25.2.0.192.in-addr.arpa");
        assert_eq!(plain("a\\056b.example.com"), "a\\056b.example.com");
        assert_eq!(plain("a\\9"), "a\\9");
        assert_eq!(plain("\\é"), "\\é");
    }

    #[test]
    fn a_name_without_its_zone_gets_it() {
        assert_eq!(inside("www", "example.com."), "www.example.com");
        assert_eq!(inside("www.example.com.", "example.com."), "www.example.com");
        assert_eq!(inside("notexample.com", "example.com"), "notexample.com.example.com");
        assert_eq!(inside("", "example.com."), "example.com");
        assert_eq!(inside("example.com", "example.com."), "example.com");
    }
}
