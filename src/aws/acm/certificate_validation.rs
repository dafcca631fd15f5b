use aws_sdk_acm::types::{CertificateDetail, CertificateStatus, DomainStatus, DomainValidation, ValidationMethod};

use crate::aws::prelude::*;
use crate::engine::rules::{refers, replace, unordered, write_only};

/// The wait until ACM has issued a certificate. It makes nothing and deletes nothing.
///
/// ACM asks public DNS for the records, so the zone that holds them must be delegated by the zone
/// above it. Until then the certificate is pending, and the wait ends with what is missing.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CertificateValidation {
    /// Certificate to wait for.
    #[schemars(transform = replace, transform = refers("aws:acm/certificate:Certificate.arn"))]
    pub certificate_arn: String,
    /// Names of the records that prove whose the names are; checked against what ACM asks for.
    #[schemars(transform = replace, transform = write_only, transform = unordered)]
    pub validation_record_fqdns: Option<Vec<String>>,
}

/// A validation puts nothing out.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct CertificateValidationOutputs {}

impl Resource for CertificateValidation {
    const TYPE: &'static str = "aws:acm/certificateValidation:CertificateValidation";
    const FACTS: Facts = Facts {
        limits: Limits::minutes(75, 75, 5).poll(10),
        takes: Takes::seconds(120, 0, 0),
        permissions: Permissions {
            create: &["acm:DescribeCertificate"],
            read: &["acm:DescribeCertificate"],
            update: &[],
            // Nothing is deleted; at most the certificate is looked at.
            delete: &["acm:DescribeCertificate"],
        },
        import: "ARN of the certificate",
        // Waiting twice is waiting once.
        ..Facts::new(IdForm::Input("certificateArn"), FoundBy::Token)
    };
    type Outputs = CertificateValidationOutputs;
    type Cx = Cx;

    async fn create(&self, cx: &Cx) -> Result<Made<Self>> {
        let reply = cx.acm().describe_certificate().certificate_arn(&self.certificate_arn).send().await?;
        let certificate = need("Certificate", reply.certificate)?;
        if let Some(names) = &self.validation_record_fqdns {
            check(&certificate, names)?;
        }
        Ok(Made::seen(&self.certificate_arn, seen(&self.certificate_arn, &certificate)?))
    }

    async fn read(ids: &[Id], _: &Want, cx: &Cx) -> Result<Vec<Seen<Live<Self>>>> {
        each(ids, |id| async move {
            let reply = cx.acm().describe_certificate().certificate_arn(&id.0).send().await.or_none()?;
            reply.map_or(Ok(Seen::Gone), |reply| seen(&id.0, &need("Certificate", reply.certificate)?))
        })
        .await
    }

    async fn delete(&self, _: &Id, _: Option<&Live<Self>>, _: &Cx) -> Result<Next<Self>> {
        Ok(Next::Gone)
    }

    async fn find(&self, _: &Cx) -> Result<Vec<Id>> {
        Ok(vec![Id(self.certificate_arn.clone())])
    }
}

/// Refuses names of records among which one is missing: the certificate would never be issued.
fn check(certificate: &CertificateDetail, names: &[String]) -> Result<()> {
    let validations = certificate.domain_validation_options();
    if validations.iter().any(|v| v.validation_method.as_ref().is_some_and(|m| *m != ValidationMethod::Dns)) {
        let message = "`validationRecordFqdns` is for certificates that are validated by DNS only";
        return Err(Error::invalid(message).hint("remove it, or set `validationMethod: DNS` on the certificate"));
    }
    let bare = |name: &str| name.trim_end_matches('.').to_ascii_lowercase();
    let names: Vec<String> = names.iter().map(|name| bare(name)).collect();
    let asked = validations.iter().filter_map(|v| v.resource_record.as_ref());
    match asked.map(|record| bare(&record.name)).find(|name| !names.contains(name)) {
        Some(missing) => Err(Error::invalid(format!("`validationRecordFqdns` lacks the record `{missing}`"))
            .hint("make a record for each item of the certificate's `domainValidationOptions`, and list all of them")),
        None => Ok(()),
    }
}

fn seen(arn: &str, certificate: &CertificateDetail) -> Result<Seen<Live<CertificateValidation>>> {
    let status = need("Status", certificate.status.clone())?;
    Ok(match status {
        CertificateStatus::Issued => {
            let inputs = CertificateValidation { certificate_arn: arn.to_owned(), validation_record_fqdns: None };
            Seen::Ready(Live { inputs, outputs: CertificateValidationOutputs {} })
        }
        CertificateStatus::PendingValidation => Seen::Pending(missing(certificate)),
        other => {
            let why = certificate.failure_reason.as_ref().map(|why| format!(": {}", why.as_str()));
            Seen::Failed(format!("{}{}", other.as_str(), why.unwrap_or_default()))
        }
    })
}

/// What ACM has not found yet.
fn missing(certificate: &CertificateDetail) -> String {
    let open = |v: &&DomainValidation| v.validation_status != Some(DomainStatus::Success);
    let open: Vec<&DomainValidation> = certificate.domain_validation_options().iter().filter(open).collect();
    let Some(first) = open.first() else { return CertificateStatus::PendingValidation.as_str().to_owned() };
    let more = match open.len() {
        1 => String::new(),
        n => format!(", and {} more", n - 1),
    };
    match &first.resource_record {
        Some(record) => format!(
            "PENDING_VALIDATION: public DNS does not show {} {}{more}; is the zone delegated?",
            record.r#type.as_str(),
            record.name
        ),
        None => format!("PENDING_VALIDATION: nobody has approved {}{more}", first.domain_name),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::wire::{at, aws, ok, read, reads_back};
    use crate::engine::provider::Provider;

    const ARN: &str = "arn:aws:acm:eu-west-1:123456789012:certificate/c-1";

    fn described(status: &str) -> String {
        let option = |name: &str, status: &str| {
            format!(
                r#"{{"DomainName":"{name}","ValidationMethod":"DNS","ValidationStatus":"{status}",
                "ResourceRecord":{{"Name":"_x.{name}.","Type":"CNAME","Value":"_y.acm-validations.aws."}}}}"#
            )
        };
        format!(
            r#"{{"Certificate":{{"CertificateArn":"{ARN}","Status":"{status}","DomainValidationOptions":[{},{},{}]}}}}"#,
            option("a.example", "SUCCESS"),
            option("b.example", "PENDING_VALIDATION"),
            option("c.example", "PENDING_VALIDATION"),
        )
    }

    #[tokio::test]
    async fn read_gives_back_every_input() {
        let replies = [("DescribeCertificate", ok(described("ISSUED")))];
        reads_back(CertificateValidation::TYPE, ARN, &replies, &[], json!({ "certificateArn": ARN })).await;
    }

    #[tokio::test]
    async fn the_wait_says_which_record_is_missing() {
        let (aws, _) = aws(&[("DescribeCertificate", ok(described("PENDING_VALIDATION")))]);
        let Seen::Pending(word) = read(&aws, CertificateValidation::TYPE, ARN).await.unwrap() else { panic!() };
        insta::assert_snapshot!(word, @"PENDING_VALIDATION: public DNS does not show CNAME _x.b.example., and 1 more; is the zone delegated?");
    }

    #[tokio::test]
    async fn a_certificate_that_will_not_come_ends_the_wait() {
        let (aws, _) = aws(&[("DescribeCertificate", ok(described("VALIDATION_TIMED_OUT")))]);
        let seen = read(&aws, CertificateValidation::TYPE, ARN).await.unwrap();
        assert_eq!(seen, Seen::Failed("VALIDATION_TIMED_OUT".into()));
    }

    #[tokio::test]
    async fn a_record_that_is_not_listed_is_noticed_before_the_wait() {
        let (aws, _) = aws(&[("DescribeCertificate", ok(described("PENDING_VALIDATION")))]);
        let inputs = json!({ "certificateArn": ARN, "validationRecordFqdns": ["_x.a.example", "_X.b.example."] });
        let error = aws.create(&at(CertificateValidation::TYPE), &inputs.into()).await.unwrap_err();
        insta::assert_snapshot!(error.message, @"`validationRecordFqdns` lacks the record `_x.c.example`");
    }
}
