use aws_sdk_acm::primitives::Blob;
use aws_sdk_acm::types::{
    self as sdk, CertificateDetail, CertificateStatus, CertificateType, DomainValidation, Filters, KeyAlgorithm,
    RenewalStatus, ValidationMethod,
};
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;

use crate::aws::prelude::*;
use crate::engine::rules::{computed, exactly_one, exclusive, needs, one_of, replace, unordered, write_only};
use crate::engine::secret::Secret;

/// A certificate of ACM: asked for, or brought along in PEM.
///
/// One that is asked for exists before anybody has proved whose the names are. For DNS, put the
/// records of `domainValidationOptions` into a public zone and let `aws:acm:CertificateValidation`
/// wait; one record serves the certificates of a name in all regions of the account.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = exactly_one(&["domainName", "privateKey"]))]
#[schemars(transform = exclusive(&["certificateAuthorityArn", "privateKey", "validationMethod"]))]
#[schemars(transform = exclusive(&["keyAlgorithm", "privateKey"]))]
#[schemars(transform = exclusive(&["privateKey", "subjectAlternativeNames"]))]
#[schemars(transform = exclusive(&["privateKey", "validationOptions"]))]
#[schemars(transform = needs(&["certificateBody", "privateKey"]))]
#[schemars(transform = needs(&["certificateChain", "privateKey"]))]
#[schemars(transform = needs(&["privateKey", "certificateBody"]))]
pub struct Certificate {
    /// Private authority that issues the certificate.
    #[schemars(transform = replace)]
    pub certificate_authority_arn: Option<String>,
    /// Certificate in PEM.
    #[schemars(transform = write_only)]
    pub certificate_body: Option<String>,
    /// Certificates between it and its authority, in PEM.
    #[schemars(transform = write_only)]
    pub certificate_chain: Option<String>,
    /// Name that the certificate is for; `*.example.com` is for all names one step below.
    #[schemars(transform = replace, transform = computed, length(min = 1, max = 253))]
    pub domain_name: Option<String>,
    /// Algorithm of the keys.
    #[schemars(transform = replace, transform = computed)]
    #[schemars(transform = one_of(&[
        "EC_prime256v1", "EC_secp384r1", "EC_secp521r1", "RSA_1024", "RSA_2048", "RSA_3072", "RSA_4096"
    ]))]
    pub key_algorithm: Option<String>,
    /// Whether the certificate can be taken out of ACM.
    #[schemars(transform = computed)]
    pub options: Option<CertificateOptions>,
    /// Private key of the certificate in PEM.
    #[schemars(transform = write_only)]
    pub private_key: Option<Secret<String>>,
    /// Further names. ACM lists the first name among them; with or without it they are the same.
    #[schemars(transform = replace, transform = computed, transform = write_only, transform = unordered)]
    pub subject_alternative_names: Option<Vec<String>>,
    /// Tags of the certificate.
    #[serde(default)]
    pub tags: Tags,
    /// How it is proved whose the names are.
    #[schemars(transform = replace, transform = computed, transform = one_of(&["DNS", "EMAIL", "HTTP"]))]
    pub validation_method: Option<String>,
    /// Where mail goes to that asks whose a name is.
    #[schemars(transform = replace, transform = write_only, transform = unordered)]
    pub validation_options: Option<Vec<CertificateValidationOption>>,
}

/// Options of a certificate. All public certificates are in public logs: AWS has retired the option
/// `certificateTransparencyLoggingPreference`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CertificateOptions {
    /// Whether certificate and key can be exported.
    #[schemars(transform = computed, transform = one_of(&["ENABLED", "DISABLED"]))]
    pub export: Option<String>,
}

/// Where mail about a name goes to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CertificateValidationOption {
    /// Name of the certificate.
    pub domain_name: String,
    /// Domain that gets the mail: the name itself or one above it.
    pub validation_domain: String,
}

/// What AWS decides about a certificate.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CertificateOutputs {
    /// ARN of the certificate.
    pub arn: String,
    /// Records that prove whose the names are: the first name, then the others by alphabet.
    pub domain_validation_options: Vec<CertificateDomainValidationOption>,
    /// End of its validity.
    pub not_after: Option<String>,
    /// Beginning of its validity.
    pub not_before: Option<String>,
    /// Whether ACM is renewing it.
    pub pending_renewal: bool,
    /// Whether ACM renews it at all.
    pub renewal_eligibility: Option<String>,
    /// How the renewal goes on.
    #[serde(default)]
    pub renewal_summaries: Vec<CertificateRenewalSummary>,
    /// State, such as `ISSUED`.
    pub status: String,
    /// Where it comes from, such as `AMAZON_ISSUED`.
    pub r#type: Option<String>,
    /// Addresses that got mail.
    #[serde(default)]
    pub validation_emails: Vec<String>,
}

/// A record that proves whose a name is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CertificateDomainValidationOption {
    /// Name of the certificate.
    pub domain_name: String,
    /// Name of the record.
    pub resource_record_name: Option<String>,
    /// Type of the record.
    pub resource_record_type: Option<String>,
    /// Value of the record.
    pub resource_record_value: Option<String>,
}

/// A renewal.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CertificateRenewalSummary {
    /// State, such as `PENDING_VALIDATION`.
    pub renewal_status: String,
    /// Why it failed.
    pub renewal_status_reason: Option<String>,
    /// When it last changed.
    pub updated_at: Option<String>,
}

impl Resource for Certificate {
    const TYPE: &'static str = "aws:acm/certificate:Certificate";
    const FACTS: Facts = Facts {
        limits: Limits::minutes(10, 10, 20).poll(5),
        takes: Takes::seconds(5, 1, 1),
        permissions: Permissions {
            create: &[
                "acm:AddTagsToCertificate",
                "acm:ImportCertificate",
                "acm:ListCertificates",
                "acm:RequestCertificate",
            ],
            read: &["acm:DescribeCertificate", "acm:ListTagsForCertificate"],
            update: &[
                "acm:AddTagsToCertificate",
                "acm:ImportCertificate",
                "acm:RemoveTagsFromCertificate",
                "acm:UpdateCertificateOptions",
            ],
            delete: &["acm:DeleteCertificate"],
        },
        import: "ARN of the certificate",
        ..Facts::new(IdForm::Output("arn"), FoundBy::OwnerTag)
    };
    type Outputs = CertificateOutputs;
    type Cx = Cx;

    async fn create(&self, cx: &Cx) -> Result<Made<Self>> {
        let tags = tagged(cx.tags(&self.tags).iter())?;
        if let Some(key) = &self.private_key {
            let arn = self.import(key, cx).set_tags(tags).send().await?.certificate_arn;
            return Ok(Made::id(need("CertificateArn", arn)?));
        }
        let options = self.validation_options.as_ref().map(|options| {
            let sent = options.iter().map(|option| {
                let sent = sdk::DomainValidationOption::builder().domain_name(&option.domain_name);
                Ok(sent.validation_domain(&option.validation_domain).build()?)
            });
            sent.collect::<Result<Vec<_>>>()
        });
        let reply = cx
            .acm()
            .request_certificate()
            .set_certificate_authority_arn(self.certificate_authority_arn.clone())
            .set_domain_name(self.domain_name.clone())
            .set_domain_validation_options(options.transpose()?)
            .idempotency_token(cx.token())
            .set_key_algorithm(self.key_algorithm.as_deref().map(Into::into))
            .set_options(self.options.as_ref().map(CertificateOptions::sent))
            .set_subject_alternative_names(self.subject_alternative_names.clone().filter(|names| !names.is_empty()))
            .set_tags(tags)
            .set_validation_method(self.validation_method.as_deref().map(Into::into))
            .send()
            .await?;
        Ok(Made::id(need("CertificateArn", reply.certificate_arn)?))
    }

    async fn read(ids: &[Id], want: &Want, cx: &Cx) -> Result<Vec<Seen<Live<Self>>>> {
        each(ids, |id| seen(id, want, cx)).await
    }

    /// A certificate in PEM takes the place of the old one under the same ARN.
    async fn update(&self, id: &Id, live: &Live<Self>, cx: &Cx) -> Result<Next<Self>> {
        let (new, old) = (self, &live.inputs);
        if let Some(options) = new.options.as_ref().filter(|options| options.differ(old.options.as_ref())) {
            cx.acm().update_certificate_options().certificate_arn(&id.0).options(options.sent()).send().await?;
        }
        let pem = |inputs: &Self| (inputs.certificate_body.clone(), inputs.certificate_chain.clone());
        let key = |inputs: &Self| inputs.private_key.as_ref().map(|key| key.reveal().clone());
        if let Some(private) = new.private_key.as_ref().filter(|_| pem(new) != pem(old) || key(new) != key(old)) {
            new.import(private, cx).certificate_arn(&id.0).send().await?;
        }
        Ok(Next::Started)
    }

    async fn delete(&self, id: &Id, _: Option<&Live<Self>>, cx: &Cx) -> Result<Next<Self>> {
        cx.acm().delete_certificate().certificate_arn(&id.0).send().await.or_none()?;
        Ok(Next::Gone)
    }

    async fn find(&self, cx: &Cx) -> Result<Vec<Id>> {
        // Without a filter ACM lists certificates of two algorithms only.
        let all = Filters::builder().set_key_types(Some(KeyAlgorithm::values().iter().map(|k| (*k).into()).collect()));
        let pages = cx.acm().list_certificates().includes(all.build()).into_paginator().items().send();
        let listed = pages.collect::<Result<Vec<_>, _>>().await?.into_iter();
        let alike = listed.filter(|c| self.domain_name.is_none() || c.domain_name == self.domain_name);
        let ids = alike.filter_map(|c| c.certificate_arn).map(Id).collect::<Vec<_>>();
        let tags = each(&ids, |id| async move { tags_of(&id.0, cx).await }).await?;
        let mine = |tags: &Tags| tags.get(tags::ATTEMPT).is_some_and(|attempt| attempt == cx.token());
        Ok(ids.into_iter().zip(tags).filter(|(_, tags)| mine(tags)).map(|(id, _)| id).collect())
    }

    async fn retag(id: &Id, _: &Live<Self>, tags: &Retag, cx: &Cx) -> Result<()> {
        if !tags.unset.is_empty() {
            let gone = tags.unset.iter().map(|key| Ok(sdk::Tag::builder().key(key).build()?));
            let gone = gone.collect::<Result<Vec<_>>>()?;
            cx.acm().remove_tags_from_certificate().certificate_arn(&id.0).set_tags(Some(gone)).send().await?;
        }
        if !tags.set.is_empty() {
            let set = tagged(tags.set.iter().map(|(k, v)| (k, v)))?;
            cx.acm().add_tags_to_certificate().certificate_arn(&id.0).set_tags(set).send().await?;
        }
        Ok(())
    }

    /// The names that need records are known, and so is the records' type.
    fn foresee(inputs: &Value, _: &Where) -> Vec<(&'static str, Value)> {
        let Some(first) = inputs.get("domainName").and_then(Value::as_str) else {
            return vec![("domainValidationOptions", Value::List(Vec::new()))];
        };
        let others = match inputs.get("subjectAlternativeNames").map(Value::bare) {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::List(names)) => match names.iter().map(Value::as_str).collect::<Option<Vec<_>>>() {
                Some(names) => names,
                None => return Vec::new(),
            },
            Some(_) => return Vec::new(),
        };
        if inputs.get("validationMethod").and_then(Value::as_str) != Some("DNS") {
            return Vec::new();
        }
        let options = in_order(first, others.into_iter().map(str::to_owned).collect()).into_iter().map(|name| {
            let parts = [
                ("domainName", name.into()),
                ("resourceRecordName", Value::Unknown),
                ("resourceRecordType", "CNAME".into()),
                ("resourceRecordValue", Value::Unknown),
            ];
            Value::Map(parts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
        });
        vec![("domainValidationOptions", Value::List(options.collect()))]
    }
}

/// The first name, then the others by alphabet, each once.
fn in_order(first: &str, mut others: Vec<String>) -> Vec<String> {
    others.retain(|name| name != first);
    others.sort();
    others.dedup();
    others.insert(0, first.to_owned());
    others
}

impl Certificate {
    fn import(
        &self,
        key: &Secret<String>,
        cx: &Cx,
    ) -> aws_sdk_acm::operation::import_certificate::builders::ImportCertificateFluentBuilder {
        let blob = |text: &String| Blob::new(text.as_bytes());
        cx.acm()
            .import_certificate()
            .set_certificate(self.certificate_body.as_ref().map(blob))
            .set_certificate_chain(self.certificate_chain.as_ref().map(blob))
            .private_key(blob(key.reveal()))
    }
}

impl CertificateOptions {
    fn sent(&self) -> sdk::CertificateOptions {
        sdk::CertificateOptions::builder().set_export(self.export.as_deref().map(Into::into)).build()
    }

    fn differ(&self, live: Option<&Self>) -> bool {
        changed(&self.export, &live.and_then(|live| live.export.clone())).is_some()
    }
}

fn tagged<'a>(tags: impl Iterator<Item = (&'a String, &'a String)>) -> Result<Option<Vec<sdk::Tag>>> {
    let tags = tags.map(|(k, v)| Ok(sdk::Tag::builder().key(k).value(v).build()?));
    tags.collect::<Result<_>>().map(Some)
}

/// Tags of a certificate; none if there is no such certificate.
async fn tags_of(arn: &str, cx: &Cx) -> Result<Tags> {
    let reply = cx.acm().list_tags_for_certificate().certificate_arn(arn).send().await.or_none()?;
    let tags = reply.and_then(|r| r.tags).unwrap_or_default();
    Ok(tags.into_iter().map(|t| (t.key, t.value.unwrap_or_default())).collect())
}

async fn seen(id: Id, want: &Want, cx: &Cx) -> Result<Seen<Live<Certificate>>> {
    let Some(reply) = cx.acm().describe_certificate().certificate_arn(&id.0).send().await.or_none()? else {
        return Ok(Seen::Gone);
    };
    let detail = need("Certificate", reply.certificate)?;
    let status = need("Status", detail.status.clone())?;
    let pending = status == CertificateStatus::PendingValidation;
    if status == CertificateStatus::Failed {
        let why = detail.failure_reason.as_ref().map_or("no reason given", |why| why.as_str());
        return Ok(Seen::Failed(format!("{}: {why}", status.as_str())));
    }
    // Private authorities issue by themselves; records for DNS appear within seconds.
    if pending && (detail.r#type == Some(CertificateType::Private) || lacks_records(&detail)) {
        return Ok(Seen::Pending(status.as_str().to_owned()));
    }
    let tags = if want.has("tags") { tags_of(&id.0, cx).await? } else { Tags::new() };
    Ok(Seen::Ready(live(id, status, detail, tags)?))
}

fn lacks_records(detail: &CertificateDetail) -> bool {
    let options = detail.domain_validation_options();
    let unnamed =
        |o: &DomainValidation| o.validation_method == Some(ValidationMethod::Dns) && o.resource_record.is_none();
    options.is_empty() || options.iter().any(unnamed)
}

fn live(id: Id, status: CertificateStatus, c: CertificateDetail, tags: Tags) -> Result<Live<Certificate>> {
    let first = need("DomainName", c.domain_name.clone())?;
    let mut others = c.subject_alternative_names.unwrap_or_default();
    others.retain(|name| *name != first);
    let validations = c.domain_validation_options.unwrap_or_default();
    let options = c.options.map(|o| CertificateOptions { export: o.export.map(|export| export.as_str().to_owned()) });
    let emails = validations.iter().flat_map(|v| v.validation_emails().iter().cloned()).collect();
    let renewal = c.renewal_summary;
    let renewing =
        |status: &RenewalStatus| matches!(status, RenewalStatus::PendingAutoRenewal | RenewalStatus::PendingValidation);
    let outputs = CertificateOutputs {
        arn: id.0,
        domain_validation_options: records(&first, &validations),
        not_after: moment(c.not_after),
        not_before: moment(c.not_before),
        pending_renewal: renewal.as_ref().is_some_and(|r| renewing(&r.renewal_status)),
        renewal_eligibility: c.renewal_eligibility.map(|e| e.as_str().to_owned()),
        renewal_summaries: renewal
            .into_iter()
            .map(|r| CertificateRenewalSummary {
                renewal_status: r.renewal_status.as_str().to_owned(),
                renewal_status_reason: r.renewal_status_reason.map(|why| why.as_str().to_owned()),
                updated_at: moment(Some(r.updated_at)),
            })
            .collect(),
        status: status.as_str().to_owned(),
        r#type: c.r#type.map(|kind| kind.as_str().to_owned()),
        validation_emails: emails,
    };
    let inputs = Certificate {
        certificate_authority_arn: c.certificate_authority_arn,
        certificate_body: None,
        certificate_chain: None,
        domain_name: Some(first),
        // ACM writes `RSA-2048` where it takes `RSA_2048`.
        key_algorithm: c.key_algorithm.map(|key| key.as_str().replace('-', "_")),
        options,
        private_key: None,
        subject_alternative_names: (!others.is_empty()).then_some(others),
        tags,
        validation_method: validations.first().and_then(|v| Some(v.validation_method.as_ref()?.as_str().to_owned())),
        validation_options: None,
    };
    Ok(Live { inputs, outputs })
}

/// The records by name, in the order that previews foresee.
fn records(first: &str, validations: &[DomainValidation]) -> Vec<CertificateDomainValidationOption> {
    let names = validations.iter().map(|v| v.domain_name.clone()).collect::<Vec<_>>();
    if names.is_empty() {
        return Vec::new();
    }
    let option = |name: String| {
        let record = validations.iter().find(|v| v.domain_name == name).and_then(|v| v.resource_record.as_ref());
        CertificateDomainValidationOption {
            domain_name: name,
            resource_record_name: record.map(|r| r.name.clone()),
            resource_record_type: record.map(|r| r.r#type.as_str().to_owned()),
            resource_record_value: record.map(|r| r.value.clone()),
        }
    };
    in_order(first, names).into_iter().map(option).collect()
}

fn moment(at: Option<DateTime>) -> Option<String> {
    at.and_then(|at| at.fmt(Format::DateTime).ok())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::wire::{aws, ok, read, reads_back};
    use crate::engine::urn::Place;

    const ARN: &str = "arn:aws:acm:eu-west-1:123456789012:certificate/c-1";
    const TAGS: (&str, &str) = ("ListTagsForCertificate", r#"{"Tags":[{"Key":"a","Value":"b"}]}"#);

    fn described(rest: &str) -> String {
        format!(
            r#"{{"Certificate":{{"CertificateArn":"{ARN}","DomainName":"b.example",
            "SubjectAlternativeNames":["b.example","a.example"],"Type":"AMAZON_ISSUED","KeyAlgorithm":"RSA-2048",
            "CertificateAuthorityArn":"arn:ca","Options":{{"Export":"DISABLED"}},{rest}}}}}"#
        )
    }

    #[tokio::test]
    async fn read_gives_back_every_input_and_the_records_in_a_fixed_order() {
        let record = |name: &str| {
            format!(
                r#"{{"DomainName":"{name}","ValidationMethod":"DNS","ValidationStatus":"PENDING_VALIDATION",
                "ResourceRecord":{{"Name":"_x.{name}.","Type":"CNAME","Value":"_y.acm-validations.aws."}}}}"#
            )
        };
        let records = format!("[{},{}]", record("a.example"), record("b.example"));
        let reply = described(&format!(r#""Status":"PENDING_VALIDATION","DomainValidationOptions":{records}"#));
        let inputs = json!({
            "certificateAuthorityArn": "arn:ca",
            "domainName": "b.example",
            "keyAlgorithm": "RSA_2048",
            "options": { "export": "DISABLED" },
            "subjectAlternativeNames": ["a.example"],
            "tags": { "a": "b" },
            "validationMethod": "DNS",
        });
        let replies = [("DescribeCertificate", ok(reply)), (TAGS.0, ok(TAGS.1))];
        let live = reads_back(Certificate::TYPE, ARN, &replies, &[], inputs).await;
        let options = live.outputs.get("domainValidationOptions").and_then(Value::as_list).unwrap();
        let names: Vec<_> = options.iter().map(|o| o.get("domainName").and_then(Value::as_str).unwrap()).collect();
        assert_eq!(names, ["b.example", "a.example"]);
    }

    #[tokio::test]
    async fn a_certificate_is_ready_when_its_records_are_known() {
        let option = r#"[{"DomainName":"b.example","ValidationMethod":"DNS"}]"#;
        let reply = described(&format!(r#""Status":"PENDING_VALIDATION","DomainValidationOptions":{option}"#));
        let (aws, _) = aws(&[("DescribeCertificate", ok(reply))]);
        let seen = read(&aws, Certificate::TYPE, ARN).await.unwrap();
        assert_eq!(seen, Seen::Pending("PENDING_VALIDATION".into()));
    }

    #[tokio::test]
    async fn a_refused_certificate_tells_why() {
        let reply = described(r#""Status":"FAILED","FailureReason":"CAA_ERROR""#);
        let (aws, _) = aws(&[("DescribeCertificate", ok(reply))]);
        let seen = read(&aws, Certificate::TYPE, ARN).await.unwrap();
        assert_eq!(seen, Seen::Failed("FAILED: CAA_ERROR".into()));
    }

    #[test]
    fn the_names_that_need_records_are_foreseen() {
        let at = Where { partition: "aws".into(), account: "1".into(), region: Place("r".into()), id: None };
        let inputs = json!({ "domainName": "b.example", "validationMethod": "DNS",
            "subjectAlternativeNames": ["c.example", "b.example", "a.example"] });
        let foreseen = Certificate::foresee(&inputs.into(), &at);
        let (name, options) = &foreseen[0];
        assert_eq!(*name, "domainValidationOptions");
        let names: Vec<_> = options.as_list().unwrap().iter().map(|o| o.get("domainName").cloned().unwrap()).collect();
        assert_eq!(names, ["b.example", "a.example", "c.example"].map(Value::from));
        assert_eq!(options.as_list().unwrap()[0].get("resourceRecordName"), Some(&Value::Unknown));
    }
}
