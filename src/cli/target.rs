//! Where commands work, and the name under which the states of that place are kept.

use std::collections::BTreeMap;

use crate::cli::Global;
use crate::cli::aws_profile::{config_file, section, title};
use crate::cli::environment::environment;
use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, Result};

/// Names the target of a custom endpoint, so that its state outlives a change of port.
const TARGET: &str = "DRCTL_TARGET";
const ENDPOINT: &str = "AWS_ENDPOINT_URL";
/// The service that tells which account is meant.
const IDENTITY: &str = "STS";

/// Where commands work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// The simulated AWS.
    Twin,
    Aws,
    Endpoint(Endpoint),
}

/// Something else that speaks AWS's protocols.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Endpoint {
    pub(super) name: String,
    /// Without the user and password that it may hold.
    pub(super) url: String,
}

impl Target {
    /// What the command line and the environment choose.
    pub(super) fn chosen(global: &Global) -> Result<Self> {
        Self::with_profile(global, None)
    }

    /// The same for a program that names a profile of the AWS configuration.
    pub(super) fn with_profile(global: &Global, profile: Option<&str>) -> Result<Self> {
        if global.local {
            return Ok(Self::Twin);
        }
        let environment = environment();
        let file = config_file(&environment).and_then(|path| std::fs::read_to_string(path).ok()).unwrap_or_default();
        Self::of(&environment, &file, profile)
    }

    fn of(environment: &BTreeMap<String, String>, file: &str, profile: Option<&str>) -> Result<Self> {
        let given = |name: &str| environment.get(name).map(String::as_str).filter(|v| !v.is_empty());
        let profile = profile.or(given("AWS_PROFILE")).unwrap_or("default");
        let ignored = given("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS").is_some_and(|v| v.eq_ignore_ascii_case("true"));
        let endpoints = if ignored { Endpoints::default() } else { Endpoints::of(environment, file, profile) };
        let name = given(TARGET);
        if let Some(name) = name.filter(|name| !is_name(name)) {
            return Err(Failure::new(
                Exit::Configuration,
                format!("`{TARGET}={name}` is no name for a target"),
                "use letters, digits, `-`, `_` and `.`, and not `twin`, which is where `--local` works",
            ));
        }
        let url = match endpoints.foreign() {
            Foreign::None => {
                return match name {
                    None | Some("aws") => Ok(Self::Aws),
                    Some(name) => Err(Failure::new(
                        Exit::Configuration,
                        format!("`{TARGET}={name}` names an endpoint, and calls would go to AWS"),
                        format!("set `{ENDPOINT}`, or unset `{TARGET}`"),
                    )),
                };
            }
            Foreign::All(url) => url,
            Foreign::Some { service, url } => match name {
                Some(_) => url,
                None => {
                    return Err(Failure::new(
                        Exit::Configuration,
                        format!("calls to {service} go to {}, and others go elsewhere", plain(url)),
                        format!(
                            "say whose state this is: `{TARGET}=aws` for that of AWS, another name for one of its own, \
                             or `{ENDPOINT}` to send all calls there"
                        ),
                    ));
                }
            },
        };
        match name {
            Some("aws") => Ok(Self::Aws),
            _ => {
                let name = name.map_or_else(|| named_after(url), str::to_owned);
                Ok(Self::Endpoint(Endpoint { name, url: plain(url) }))
            }
        }
    }

    /// The name under which states are kept.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Twin => "twin",
            Self::Aws => "aws",
            Self::Endpoint(endpoint) => &endpoint.name,
        }
    }
}

/// The addresses that the environment and the AWS configuration name.
#[derive(Debug, Default)]
struct Endpoints {
    general: Option<String>,
    /// By service, as in `AWS_ENDPOINT_URL_<SERVICE>`.
    services: BTreeMap<String, String>,
}

/// How much goes to other places than AWS.
enum Foreign<'a> {
    None,
    All(&'a str),
    Some { service: &'a str, url: &'a str },
}

impl Endpoints {
    /// The environment speaks before the configuration, and for a service before all.
    fn of(environment: &BTreeMap<String, String>, file: &str, profile: &str) -> Self {
        let mut all = Self::of_profile(file, profile);
        for (name, url) in environment.iter().filter(|(_, url)| !url.is_empty()) {
            match name.strip_prefix(ENDPOINT) {
                Some("") => all.general = Some(url.clone()),
                Some(rest) => {
                    if let Some(service) = rest.strip_prefix('_') {
                        all.services.insert(service.to_owned(), url.clone());
                    }
                }
                None => {}
            }
        }
        all
    }

    /// What a profile says: `endpoint_url`, and `services`, a section with an address for each service.
    fn of_profile(file: &str, profile: &str) -> Self {
        let own = section(file, &title(profile));
        let find = |wanted: &str| own.iter().find(|(_, name, _)| name == wanted).map(|(_, _, value)| value.clone());
        let services = find("services").map(|name| section(file, &format!("services {name}"))).unwrap_or_default();
        let services = services.into_iter().filter(|(_, name, _)| name == "endpoint_url");
        Self {
            general: find("endpoint_url"),
            services: services.map(|(service, _, url)| (service.to_ascii_uppercase(), url)).collect(),
        }
    }

    fn foreign(&self) -> Foreign<'_> {
        if let Some(url) = self.general.as_deref().filter(|url| !is_aws(url)) {
            return Foreign::All(url);
        }
        let foreign = self.services.iter().find(|(_, url)| !is_aws(url));
        let Some((service, first)) = foreign else { return Foreign::None };
        // Whoever tells the account is whom all the others belong to.
        let whole = self.services.contains_key(IDENTITY) && self.services.values().all(|url| host(url) == host(first));
        if whole { Foreign::All(first) } else { Foreign::Some { service, url: first } }
    }
}

/// The part of an address that names whom it reaches: without scheme, user, password and path.
fn host(url: &str) -> &str {
    let (_, rest) = url.split_once("://").unwrap_or(("", url));
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    authority.rsplit('@').next().unwrap_or_default()
}

/// Whether an address is one of AWS's own, such as that of a VPC endpoint.
fn is_aws(url: &str) -> bool {
    let host = host(url).to_ascii_lowercase();
    let host = host.split(':').next().unwrap_or_default();
    [".amazonaws.com", ".amazonaws.com.cn", ".api.aws"].iter().any(|own| host.ends_with(own))
}

/// An address as it may be shown.
fn plain(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
    let path = rest.find(['/', '?', '#']).map_or("", |start| &rest[start..]);
    let path = path.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/');
    format!("{scheme}://{}{path}", host(url))
}

/// A name for the states of an endpoint that nobody named.
fn named_after(url: &str) -> String {
    let shown = plain(url);
    let (_, rest) = shown.split_once("://").unwrap_or(("", &shown));
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' };
    let name: String = rest.chars().map(plain).collect();
    if matches!(name.as_str(), "aws" | "twin") { format!("{name}-endpoint") } else { name }
}

fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    name.chars().all(plain) && !name.starts_with('.') && name != "twin"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(variables: &[(&str, &str)], file: &str) -> Result<Target> {
        let environment = variables.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Target::of(&environment, file, None)
    }

    fn target(variables: &[(&str, &str)]) -> Target {
        chosen(variables, "").unwrap()
    }

    fn refused(variables: &[(&str, &str)]) -> String {
        match chosen(variables, "") {
            Err(Failure::Error(_, error)) => format!("{error}; {}", error.hint.as_deref().unwrap_or_default()),
            other => panic!("{other:?}"),
        }
    }

    fn endpoint(name: &str, url: &str) -> Target {
        Target::Endpoint(Endpoint { name: name.into(), url: url.into() })
    }

    #[test]
    fn a_custom_endpoint_is_a_target_of_its_own() {
        assert_eq!(target(&[]), Target::Aws);
        assert_eq!(target(&[(ENDPOINT, "")]), Target::Aws);
        let local = endpoint("localhost-4566", "http://localhost:4566");
        assert_eq!(target(&[(ENDPOINT, "http://localhost:4566/")]), local);
        let named = target(&[(ENDPOINT, "http://localhost:1"), (TARGET, "ministack")]);
        assert_eq!(named, endpoint("ministack", "http://localhost:1"));
        assert_eq!(target(&[(ENDPOINT, "http://proxy"), (TARGET, "aws")]), Target::Aws);
        assert_eq!(target(&[(ENDPOINT, "http://aws")]).name(), "aws-endpoint");
    }

    #[test]
    fn endpoints_of_aws_itself_are_no_other_target() {
        for url in [
            "https://bucket.vpce-0a1b-xyz.s3.us-east-1.vpce.amazonaws.com",
            "https://S3.dualstack.eu-west-1.amazonaws.com:443/",
            "https://sts.cn-north-1.amazonaws.com.cn",
            "https://lambda.us-east-1.api.aws",
        ] {
            assert_eq!(target(&[("AWS_ENDPOINT_URL_S3", url)]), Target::Aws, "{url}");
            assert_eq!(target(&[(ENDPOINT, url)]), Target::Aws, "{url}");
        }
        assert_ne!(target(&[(ENDPOINT, "http://amazonaws.com.example")]), Target::Aws);
        assert_ne!(target(&[(ENDPOINT, "http://x.amazonaws.com@example.com")]), Target::Aws);
    }

    #[test]
    fn endpoints_of_single_services_choose_a_target_only_where_it_is_certain() {
        let said = refused(&[("AWS_ENDPOINT_URL_S3", "http://u:p@s3.local/x")]);
        assert!(said.starts_with("calls to S3 go to http://s3.local/x, and others go elsewhere"), "{said}");
        assert!(said.contains("`DRCTL_TARGET=aws`"), "{said}");
        let both = [("AWS_ENDPOINT_URL_S3", "http://e:1"), ("AWS_ENDPOINT_URL_STS", "http://e:1")];
        assert_eq!(target(&both).name(), "e-1");
        let apart = [("AWS_ENDPOINT_URL_S3", "http://e:1"), ("AWS_ENDPOINT_URL_STS", "http://f:1")];
        assert!(refused(&apart).contains("calls to S3 go to http://e:1"));
        let split = [apart[0], apart[1], (TARGET, "lab")];
        assert_eq!(target(&split).name(), "lab");
        assert_eq!(target(&[apart[0], (TARGET, "aws")]), Target::Aws);
    }

    #[test]
    fn a_name_without_an_endpoint_is_refused_and_so_is_that_of_the_twin() {
        assert!(refused(&[(TARGET, "ministack")]).contains("calls would go to AWS"));
        assert_eq!(target(&[(TARGET, "aws")]), Target::Aws);
        for bad in ["twin", "../x", ".", "a/b"] {
            assert!(refused(&[(ENDPOINT, "http://e"), (TARGET, bad)]).contains("is no name for a target"), "{bad}");
        }
    }

    #[test]
    fn an_endpoint_of_the_profile_counts_as_well() {
        let file = "[default]\nregion = us-east-1\n\n[profile lab] # mine\nendpoint_url = http://lab:4566\n\n\
                    [profile split]\nservices = parts\n[services parts]\ns3 =\n  endpoint_url = http://minio:9000\n";
        assert_eq!(chosen(&[], file).unwrap(), Target::Aws);
        let lab = chosen(&[("AWS_PROFILE", "lab")], file).unwrap();
        assert_eq!(lab, endpoint("lab-4566", "http://lab:4566"));
        assert_eq!(Target::of(&BTreeMap::new(), file, Some("lab")).unwrap(), lab, "the program names it");
        let nearer = chosen(&[("AWS_PROFILE", "lab"), (ENDPOINT, "http://e")], file).unwrap();
        assert_eq!(nearer.name(), "e");
        assert!(chosen(&[("AWS_PROFILE", "split")], file).is_err());
        let ignoring = [("AWS_PROFILE", "lab"), ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")];
        assert_eq!(chosen(&ignoring, file).unwrap(), Target::Aws);
    }

    #[test]
    fn users_and_passwords_of_an_address_are_never_shown() {
        let Target::Endpoint(shown) = target(&[(ENDPOINT, "http://user:secret@e:1/path/?token=secret")]) else {
            panic!()
        };
        assert_eq!(shown, Endpoint { name: "e-1-path".into(), url: "http://e:1/path".into() });
        assert_eq!(target(&[(ENDPOINT, "http://[::1]:4566")]).name(), "---1--4566");
    }
}
