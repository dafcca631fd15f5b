//! What a request to AWS asks for, read from its wire form.

use std::fmt;

/// Operations that several types read with, and how many. What they ask for at the same time goes out
/// in one request, and each asks once.
const SHARED: [(&str, usize); 4] = [
    ("ec2:DescribeRouteTables", 3),
    ("ec2:DescribeSecurityGroupRules", 2),
    ("ec2:DescribeSecurityGroups", 2),
    ("ec2:DescribeVpcPeeringConnections", 3),
];

/// One operation of a service in a region: `us-east-1 ec2:CreateVpc`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ask {
    pub region: String,
    pub service: String,
    /// The operation's name where the protocol has one, else method, collections and setting: `GET functions/policy`.
    pub operation: String,
}

impl Ask {
    pub fn of<'a>(method: &str, uri: &str, header: impl Fn(&str) -> Option<&'a str>, body: &[u8]) -> Self {
        // The signature names both: `Credential=<key>/<date>/<region>/<service>/aws4_request`.
        let signature = header("authorization").unwrap_or_default();
        let mut scope = signature.split('/').skip(2).map(str::to_owned);
        let region = scope.next().unwrap_or_default();
        let service = scope.next().unwrap_or_else(|| "unsigned".to_owned());
        let body = String::from_utf8_lossy(body);
        let query = body.split('&').find_map(|pair| pair.strip_prefix("Action="));
        let json = header("x-amz-target").and_then(|target| target.rsplit('.').next());
        let operation = query.or(json).map_or_else(|| rest(&service, method, uri), str::to_owned);
        Self { region, service, operation }
    }

    /// Whether it changes anything, as far as its name tells.
    pub fn is_change(&self) -> bool {
        const READS: [&str; 6] = ["Describe", "Get", "List", "GET", "HEAD", "POST tags"];
        !READS.iter().any(|read| self.operation.starts_with(read))
    }

    /// The most that a refresh may ask it in one region, if it lists: each type that reads with it once.
    pub fn readers(&self) -> usize {
        SHARED.iter().find(|(name, _)| *name == self.name()).map_or(1, |(_, types)| *types)
    }

    /// `ec2:CreateVpc`.
    pub fn name(&self) -> String {
        format!("{}:{}", self.service, self.operation)
    }
}

impl fmt::Display for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}:{}", self.region, self.service, self.operation)
    }
}

fn rest(service: &str, method: &str, uri: &str) -> String {
    let path = uri.split_once("://").map_or(uri, |(_, rest)| rest.split_once('/').map_or("", |(_, path)| path));
    let (path, words) = path.split_once('?').unwrap_or((path, ""));
    if let Some((_, operation)) = path.split_once("/operation/") {
        return operation.to_owned();
    }
    let setting = words.split('&').find(|word| !word.starts_with("x-id=")).unwrap_or_default();
    let setting = setting.split('=').next().unwrap_or_default();
    // Paths alternate between a collection and the name of one of its members; those of S3 are all names.
    let parts = path.split('/').filter(|part| !part.is_empty() && *part != "backup");
    let is_version = |part: &&str| part.len() == 10 && part.split('-').map(str::len).eq([4, 2, 2]);
    let parts = parts.filter(|part| !is_version(part));
    let is_word = |part: &&str| part.chars().all(|c| c.is_ascii_lowercase() || c == '-');
    let collections: Vec<&str> = if service == "s3" { Vec::new() } else { parts.step_by(2).filter(is_word).collect() };
    [method, &collections.join("/"), setting].into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

#[test]
fn every_protocol_says_what_it_asks_for() {
    let ask = |service: &str, method: &str, uri: &str, target: &str, body: &str| {
        let signature = format!("AWS4-HMAC-SHA256 Credential=1/20260101/eu-west-1/{service}/aws4_request, …");
        let header = |name: &str| match name {
            "authorization" => Some(signature.as_str()),
            _ => (!target.is_empty()).then_some(target),
        };
        Ask::of(method, uri, header, body.as_bytes()).to_string()
    };
    assert_eq!(ask("ec2", "POST", "/", "", "Action=CreateVpc&Version=1"), "eu-west-1 ec2:CreateVpc");
    assert_eq!(ask("kms", "POST", "/", "TrentService.CreateKey", "{}"), "eu-west-1 kms:CreateKey");
    let cbor = "/service/GraniteServiceVersion20100801/operation/DescribeAlarms";
    assert_eq!(ask("monitoring", "POST", cbor, "", ""), "eu-west-1 monitoring:DescribeAlarms");
    assert_eq!(ask("s3", "PUT", "http://127.0.0.1:1/b?versioning", "", "<a/>"), "eu-west-1 s3:PUT versioning");
    assert_eq!(ask("s3", "PUT", "/b/?x-id=CreateBucket", "", ""), "eu-west-1 s3:PUT");
    assert_eq!(ask("lambda", "GET", "/2015-03-31/functions/f/policy", "", ""), "eu-west-1 lambda:GET functions/policy");
    assert_eq!(
        ask("backup", "GET", "/backup/plans/20a1/selections/2", "", ""),
        "eu-west-1 backup:GET plans/selections"
    );
}
