use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Keepers, Local, draw};
use crate::engine::error::Result;
use crate::engine::resource::IdForm;
use crate::engine::rules::replace;

/// An identifier that is unique without anyone handing it out. It is no secret.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RandomId {
    /// Random bytes in it.
    #[schemars(transform = replace, range(min = 1, max = 1024))]
    pub byte_length: usize,
    /// Any values; when one of them changes, a new identifier is made.
    #[schemars(transform = replace)]
    #[serde(default)]
    pub keepers: Keepers,
    /// Text in front of each output.
    #[schemars(transform = replace)]
    pub prefix: Option<String>,
}

/// What is drawn, in four spellings.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RandomIdOutputs {
    /// The bytes in Base64.
    pub b64_std: String,
    /// The bytes in Base64 for URLs, without padding.
    pub b64_url: String,
    /// The bytes as a decimal number.
    pub dec: String,
    /// The bytes in lower-case hex digits.
    pub hex: String,
}

impl Local for RandomId {
    const TYPE: &'static str = "random:index/randomId:RandomId";
    const ID: IdForm = IdForm::Output("b64Url");
    type Outputs = RandomIdOutputs;

    fn make(&self) -> Result<(String, RandomIdOutputs)> {
        let bytes = draw::bytes(self.byte_length)?;
        Ok((URL_SAFE_NO_PAD.encode(&bytes), self.spelled(&bytes)))
    }
}

impl RandomId {
    fn spelled(&self, bytes: &[u8]) -> RandomIdOutputs {
        let prefix = self.prefix.as_deref().unwrap_or_default();
        RandomIdOutputs {
            b64_std: format!("{prefix}{}", STANDARD.encode(bytes)),
            b64_url: format!("{prefix}{}", URL_SAFE_NO_PAD.encode(bytes)),
            dec: format!("{prefix}{}", decimal(bytes)),
            hex: format!("{prefix}{}", hex::encode(bytes)),
        }
    }
}

/// The decimal digits of a number of any size, its highest byte first.
fn decimal(bytes: &[u8]) -> String {
    let mut digits: Vec<u8> = vec![0];
    for byte in bytes {
        let mut carry = u32::from(*byte);
        for digit in &mut digits {
            carry += u32::from(*digit) * 256;
            *digit = (carry % 10) as u8;
            carry /= 10;
        }
        while carry > 0 {
            digits.push((carry % 10) as u8);
            carry /= 10;
        }
    }
    digits.iter().rev().map(|digit| char::from(b'0' + digit)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_spellings_are_of_the_same_bytes() {
        let id = RandomId { byte_length: 4, keepers: Keepers::new(), prefix: Some("p-".into()) };
        let spelled = id.spelled(&[0xfb, 0xff, 0x00, 0x01]);
        insta::assert_debug_snapshot!(spelled, @r#"
        RandomIdOutputs {
            b64_std: "p-+/8AAQ==",
            b64_url: "p--_8AAQ",
            dec: "p-4227792897",
            hex: "p-fbff0001",
        }
        "#);
    }

    #[test]
    fn large_numbers_are_spelled_in_full() {
        assert_eq!(decimal(&[]), "0");
        assert_eq!(decimal(&[0, 0]), "0");
        assert_eq!(decimal(&[0xff; 16]), u128::MAX.to_string());
        assert_eq!(decimal(&[1, 0, 0, 0, 0, 0, 0, 0, 0]), (1_u128 << 64).to_string());
    }

    #[test]
    fn the_id_carries_no_prefix() {
        let id = RandomId { byte_length: 8, keepers: Keepers::new(), prefix: Some("p-".into()) };
        let (name, outputs) = id.make().unwrap();
        assert_eq!(format!("p-{name}"), outputs.b64_url);
        assert_eq!(outputs.hex.len(), 2 + 16);
    }
}
