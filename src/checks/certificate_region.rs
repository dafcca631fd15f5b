use super::Rule;
use super::scene::{Field, Scene};
use crate::engine::diagnostic::Diagnostic;

pub(super) const RULE: Rule = Rule {
    code: "certificate-region",
    summary: "A certificate is of the region that it is used in, and of us-east-1 for CloudFront.",
    why: "AWS does not find a certificate of another region, after minutes of waiting for its validation.",
    find,
};

/// Inputs that hold a certificate, and the region that it must be of if that is not the own one.
const INPUTS: [(&str, &[&str], Option<&str>); 5] = [
    ("aws:apigateway/domainName:DomainName", &["certificateArn"], Some("us-east-1")),
    ("aws:apigateway/domainName:DomainName", &["regionalCertificateArn"], None),
    ("aws:cloudfront/distribution:Distribution", &["viewerCertificate", "acmCertificateArn"], Some("us-east-1")),
    ("aws:lb/listener:Listener", &["certificateArn"], None),
    ("aws:lb/listenerCertificate:ListenerCertificate", &["certificateArn"], None),
];

fn find(scene: &Scene<'_>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for (ty, path, fixed) in INPUTS {
        for item in scene.of(ty) {
            let Some((first, rest)) = path.split_first() else { continue };
            let field = rest.iter().fold(item.field(first), |field, name| field.field(name));
            found.extend(misplaced(field, fixed.unwrap_or(&item.place().0)));
        }
    }
    found
}

fn misplaced(field: Field<'_>, wanted: &str) -> Option<Diagnostic> {
    let region = field.region().filter(|region| *region != wanted)?;
    let message = format!("the certificate is of {region}, but must be of {wanted}");
    Some(field.wrong(message).help(format!("request a certificate of the same names in {wanted}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::found;

    #[test]
    fn a_certificate_serves_in_its_own_region() {
        let program = "
  near: {type: aws:acm:Certificate, properties: {domainName: api.example.com, validationMethod: DNS}}
  far: {type: aws:acm:Certificate, region: secondary, properties: {domainName: api.example.com, validationMethod: DNS}}
  valid: {type: aws:acm:CertificateValidation, region: secondary, properties: {certificateArn: '${far.arn}'}}
  wrong:
    type: aws:apigateway:DomainName
    properties:
      domainName: a.example.com
      regionalCertificateArn: ${valid.certificateArn}
      endpointConfiguration: {types: REGIONAL}
  right:
    type: aws:apigateway:DomainName
    properties:
      domainName: b.example.com
      regionalCertificateArn: ${near.arn}
      endpointConfiguration: {types: REGIONAL}
  edge:
    type: aws:apigateway:DomainName
    region: secondary
    properties: {domainName: c.example.com, certificateArn: '${far.arn}', endpointConfiguration: {types: EDGE}}
";
        let message = "the certificate is of eu-west-1, but must be of us-east-1";
        let expected = ["${valid.certificateArn}", "'${far.arn}'"].map(|at| format!("{at} | {message}"));
        assert_eq!(found(&RULE, program), expected);
    }

    #[test]
    fn certificates_are_looked_for_where_types_take_them() {
        for (token, path, _) in INPUTS {
            let Some(ty) = crate::aws::catalog().find(token) else { continue };
            assert!(ty.inputs.get(path[0]).is_some(), "{token} has no input `{}`", path[0]);
        }
    }
}
