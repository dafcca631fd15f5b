//! Outputs of a stack for people.

use std::fmt;

use super::style::Label;
use super::value::inline;
use crate::engine::value::Shown;

/// Named values, one a line, aligned.
#[derive(Debug, Clone, Copy)]
pub struct Outputs<'a>(pub &'a [(String, Shown)]);

impl fmt::Display for Outputs<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.0.iter().map(|(name, _)| name.chars().count()).max().unwrap_or_default();
        for (name, value) in self.0 {
            let padding = width - name.chars().count();
            let name = Label::Heading.paint(name);
            match value.json() {
                serde_json::Value::String(text) if !text.contains('\n') && text != Shown::UNKNOWN => {
                    writeln!(f, "{name}{:padding$}  {text}", "")?;
                }
                _ => writeln!(f, "{name}{:padding$}  {}", "", inline(value))?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::value::Value;

    #[test]
    fn outputs_are_aligned_and_secrets_hidden() {
        let shown = |v: Value| Shown::of(&v);
        let outputs = [
            ("endpoint".to_owned(), shown(Value::from("db.example.com"))),
            ("port".to_owned(), shown(Value::from(5432))),
            ("password".to_owned(), shown(Value::from("hunter2").secret())),
        ];
        insta::assert_snapshot!(anstream::adapter::strip_str(&Outputs(&outputs).to_string()), @r"
        endpoint  db.example.com
        port      5432
        password  [secret]
        ");
    }
}
