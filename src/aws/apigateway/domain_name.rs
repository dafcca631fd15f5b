use aws_sdk_apigateway::types::{DomainNameStatus, EndpointConfiguration, MutualTlsAuthenticationInput};

use super::patch::Patch;
use super::{arn, document, foreseen_arn, given, is_mine, moment, retag, same, tags_from};
use crate::aws::prelude::*;
use crate::engine::rules::{also, computed, exclusive, one_of, refers, replace, write_only};
use crate::engine::secret::Secret;

/// A name of one's own for APIs. The same name can be regional in several regions, each with a
/// certificate of its own region; DNS records decide which of them callers reach.
///
/// AWS makes one domain name in thirty seconds.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = exclusive(&["certificateArn", "regionalCertificateArn", "regionalCertificateName"]))]
#[schemars(transform = exclusive(&["certificateArn", "certificateName"]))]
#[schemars(transform = exclusive(&["certificateName", "regionalCertificateArn", "regionalCertificateName"]))]
#[schemars(transform = exclusive(&["certificateArn", "certificateBody"]))]
#[schemars(transform = exclusive(&["certificateBody", "regionalCertificateArn"]))]
pub struct DomainName {
    /// Certificate for an edge-optimized or private name; for the former in `us-east-1`.
    #[schemars(transform = refers("aws:acm/certificate:Certificate.arn"))]
    #[schemars(transform = also(&["arn:aws:iam::"]))]
    pub certificate_arn: Option<String>,
    /// Certificate in PEM, where ACM has none.
    #[schemars(transform = replace, transform = write_only)]
    pub certificate_body: Option<String>,
    /// Certificates between it and its authority, in PEM.
    #[schemars(transform = replace, transform = write_only)]
    pub certificate_chain: Option<String>,
    /// Name of the certificate given in PEM.
    pub certificate_name: Option<String>,
    /// Private key of the certificate given in PEM.
    #[schemars(transform = replace, transform = write_only)]
    pub certificate_private_key: Option<Secret<String>>,
    /// The name.
    #[schemars(transform = replace)]
    pub domain_name: String,
    /// How strictly calls must come through the kind of endpoint.
    #[schemars(transform = computed, transform = one_of(&["BASIC", "STRICT"]))]
    pub endpoint_access_mode: Option<String>,
    /// Kind of endpoint.
    #[schemars(transform = computed)]
    pub endpoint_configuration: Option<DomainNameEndpointConfiguration>,
    /// Certificates that callers must show.
    pub mutual_tls_authentication: Option<DomainNameMutualTlsAuthentication>,
    /// Public certificate that proves whose the name is, beside an imported or private one.
    #[schemars(transform = computed)]
    pub ownership_verification_certificate_arn: Option<String>,
    /// Who may call a private name.
    pub policy: Option<Document>,
    /// Certificate for a regional name, of the same region.
    #[schemars(transform = refers("aws:acm/certificate:Certificate.arn"))]
    pub regional_certificate_arn: Option<String>,
    /// Name of the regional certificate.
    pub regional_certificate_name: Option<String>,
    /// Whether base path mappings or routing rules lead to APIs.
    #[schemars(transform = computed)]
    #[schemars(transform = one_of(&[
        "BASE_PATH_MAPPING_ONLY", "ROUTING_RULE_ONLY", "ROUTING_RULE_THEN_BASE_PATH_MAPPING"
    ]))]
    pub routing_mode: Option<String>,
    /// Oldest TLS version and ciphers, for example `TLS_1_2`.
    #[schemars(transform = computed)]
    pub security_policy: Option<String>,
    /// Tags of the name.
    #[serde(default)]
    pub tags: Tags,
}

/// A kind of endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DomainNameEndpointConfiguration {
    /// Kinds of addresses.
    #[schemars(transform = computed, transform = one_of(&["ipv4", "dualstack"]))]
    pub ip_address_type: Option<String>,
    /// Kind.
    #[schemars(transform = one_of(&["EDGE", "REGIONAL", "PRIVATE"]))]
    pub types: String,
}

/// What is trusted in callers' certificates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DomainNameMutualTlsAuthentication {
    /// Trusted authorities: an object in S3, `s3://bucket/key`.
    pub truststore_uri: String,
    /// Version of the object.
    #[schemars(transform = computed)]
    pub truststore_version: Option<String>,
}

/// What AWS decides about a domain name.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DomainNameOutputs {
    /// ARN of the domain name.
    pub arn: String,
    /// When the edge certificate was uploaded.
    pub certificate_upload_date: Option<String>,
    /// Where DNS must lead to, for an edge-optimized name.
    pub cloudfront_domain_name: Option<String>,
    /// Hosted zone of that, for alias records.
    pub cloudfront_zone_id: Option<String>,
    /// Id of a private name.
    pub domain_name_id: Option<String>,
    /// Where DNS must lead to, for a regional name.
    pub regional_domain_name: Option<String>,
    /// Hosted zone of that, for alias records.
    pub regional_zone_id: Option<String>,
}

impl Resource for DomainName {
    const TYPE: &'static str = "aws:apigateway/domainName:DomainName";
    const FACTS: Facts = Facts {
        // A name at the edge is spread over the world within forty minutes.
        limits: Limits::minutes(60, 60, 20).poll(10),
        takes: Takes::seconds(20, 20, 5),
        permissions: Permissions {
            create: &["apigateway:POST", "apigateway:PUT"],
            read: &["apigateway:GET"],
            update: &["apigateway:DELETE", "apigateway:PATCH", "apigateway:PUT"],
            delete: &["apigateway:DELETE"],
        },
        import: "domain name, and the id of a private one: `api.example.com`, `api.example.com/id`",
        ..Facts::new(IdForm::Input("domainName"), FoundBy::Name)
    };
    type Outputs = DomainNameOutputs;
    type Cx = Cx;

    async fn create(&self, cx: &Cx) -> Result<Made<Self>> {
        let key = self.certificate_private_key.as_ref().map(|key| key.reveal().clone());
        let trust = self.mutual_tls_authentication.as_ref().map(|tls| {
            let trust = MutualTlsAuthenticationInput::builder().truststore_uri(&tls.truststore_uri);
            trust.set_truststore_version(tls.truststore_version.clone()).build()
        });
        let reply = cx
            .apigateway()
            .create_domain_name()
            .set_certificate_arn(self.certificate_arn.clone())
            .set_certificate_body(self.certificate_body.clone())
            .set_certificate_chain(self.certificate_chain.clone())
            .set_certificate_name(self.certificate_name.clone())
            .set_certificate_private_key(key)
            .domain_name(&self.domain_name)
            .set_endpoint_access_mode(self.endpoint_access_mode.as_deref().map(Into::into))
            .set_endpoint_configuration(self.endpoint_configuration.as_ref().map(DomainNameEndpointConfiguration::sent))
            .set_mutual_tls_authentication(trust)
            .set_ownership_verification_certificate_arn(self.ownership_verification_certificate_arn.clone())
            .set_policy(self.policy.as_ref().map(|policy| policy.as_str().to_owned()))
            .set_regional_certificate_arn(self.regional_certificate_arn.clone())
            .set_regional_certificate_name(self.regional_certificate_name.clone())
            .set_routing_mode(self.routing_mode.as_deref().map(Into::into))
            .set_security_policy(self.security_policy.as_deref().map(Into::into))
            .set_tags(Some(cx.tags(&self.tags).into_iter().collect()))
            .send()
            .await?;
        Ok(Made::id(id(&self.domain_name, reply.domain_name_id.as_deref())))
    }

    async fn read(ids: &[Id], _: &Want, cx: &Cx) -> Result<Vec<Seen<Live<Self>>>> {
        each(ids, |id| seen(id, cx)).await
    }

    async fn update(&self, id: &Id, live: &Live<Self>, cx: &Cx) -> Result<Next<Self>> {
        let (new, old, mut patch) = (self, &live.inputs, Patch::default());
        patch.change_or_empty("/certificateArn", &new.certificate_arn, &old.certificate_arn);
        patch.change_or_empty("/certificateName", &new.certificate_name, &old.certificate_name);
        patch.change_if_given("/endpointAccessMode", &new.endpoint_access_mode, &old.endpoint_access_mode);
        if let Some(new) = &new.endpoint_configuration {
            let old = old.endpoint_configuration.as_ref();
            patch.change_if_given(
                "/endpointConfiguration/ipAddressType",
                &new.ip_address_type,
                &old.and_then(|old| old.ip_address_type.clone()),
            );
            let types = old.map(|old| old.types.clone());
            patch.change_if_given("/endpointConfiguration/types/0", &Some(new.types.clone()), &types);
        }
        new.change_trust(old, &mut patch);
        patch.change_if_given(
            "/ownershipVerificationCertificateArn",
            &new.ownership_verification_certificate_arn,
            &old.ownership_verification_certificate_arn,
        );
        let policy = |inputs: &Self| inputs.policy.as_ref().map(|policy| policy.as_str().to_owned());
        if !same(new.policy.as_ref(), old.policy.as_ref()) {
            patch.replace("/policy", policy(new).unwrap_or_default());
        }
        patch.change_or_empty("/regionalCertificateArn", &new.regional_certificate_arn, &old.regional_certificate_arn);
        patch.change_or_empty(
            "/regionalCertificateName",
            &new.regional_certificate_name,
            &old.regional_certificate_name,
        );
        patch.change_if_given("/routingMode", &new.routing_mode, &old.routing_mode);
        patch.change_if_given("/securityPolicy", &new.security_policy, &old.security_policy);
        if let Some(operations) = patch.operations() {
            let (name, domain_id) = place(id);
            let update = cx.apigateway().update_domain_name().domain_name(name).set_domain_name_id(domain_id);
            update.set_patch_operations(Some(operations)).send().await?;
        }
        Ok(Next::Started)
    }

    async fn delete(&self, id: &Id, _: Option<&Live<Self>>, cx: &Cx) -> Result<Next<Self>> {
        let (name, domain_id) = place(id);
        cx.apigateway().delete_domain_name().domain_name(name).set_domain_name_id(domain_id).send().await.or_none()?;
        Ok(Next::Gone)
    }

    async fn find(&self, cx: &Cx) -> Result<Vec<Id>> {
        let names = cx.apigateway().get_domain_names().limit(500).into_paginator().items().send();
        let names = names.collect::<Result<Vec<_>, _>>().await?.into_iter();
        let mine = names.filter(|name| is_mine(name.tags.as_ref(), cx));
        mine.map(|n| Ok(Id(id(&need("domainName", n.domain_name)?, n.domain_name_id.as_deref())))).collect()
    }

    async fn retag(_: &Id, live: &Live<Self>, tags: &Retag, cx: &Cx) -> Result<()> {
        retag(&live.outputs.arn, tags, cx).await
    }

    fn foresee(inputs: &Value, at: &Where) -> Vec<(&'static str, Value)> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let kind = inputs.get("endpointConfiguration").and_then(|e| e.get("types")).and_then(text);
        let given = |name| inputs.get(name).is_some_and(|value| !value.is_null());
        let regional = given("regionalCertificateArn") || given("regionalCertificateName");
        let kind = kind.unwrap_or_else(|| if regional { "REGIONAL" } else { "EDGE" }.to_owned());
        let mut known = Vec::new();
        if let Some(name) = inputs.get("domainName").and_then(text).filter(|_| kind != "PRIVATE") {
            known.push(("arn", foreseen_arn(at, &format!("/domainnames/{name}"))));
        }
        match kind.as_str() {
            "EDGE" => known.push(("cloudfrontZoneId", CLOUDFRONT_ZONE.into())),
            "REGIONAL" => known.extend(zone(&at.region.0).map(|zone| ("regionalZoneId", zone.into()))),
            _ => {}
        }
        known
    }
}

/// The hosted zone of all CloudFront distributions.
const CLOUDFRONT_ZONE: &str = "Z2FDTNDATAQYW2";

/// Hosted zones of regional endpoints, from the AWS General Reference, "API Gateway endpoints".
const ZONES: [(&str, &str); 15] = [
    ("ap-northeast-1", "Z1YSHQZHG15GKL"),
    ("ap-northeast-2", "Z20JF4UZKIW1U8"),
    ("ap-south-1", "Z3VO1THU9YC4UR"),
    ("ap-southeast-1", "ZL327KTPIQFUL"),
    ("ap-southeast-2", "Z2RPCDW04V8134"),
    ("ca-central-1", "Z19DQILCV0OWEC"),
    ("eu-central-1", "Z1U9ULNL0V5AJ3"),
    ("eu-west-1", "ZLY8HYME6SFDD"),
    ("eu-west-2", "ZJ5UAJN8Y3Z2Q"),
    ("eu-west-3", "Z3KY65QIEKYHQQ"),
    ("sa-east-1", "ZCMLWB8V5SYIT"),
    ("us-east-1", "Z1UJRXOUMOOFQ8"),
    ("us-east-2", "ZOJJZC49E0EPZ"),
    ("us-west-1", "Z2MUQ32089INYE"),
    ("us-west-2", "Z2OJLYMUO9EFXC"),
];

fn zone(region: &str) -> Option<&'static str> {
    ZONES.iter().find(|(name, _)| *name == region).map(|(_, zone)| *zone)
}

impl DomainName {
    /// Without an object of authorities there is no check of callers' certificates.
    fn change_trust(&self, live: &Self, patch: &mut Patch) {
        let uri = "/mutualTlsAuthentication/truststoreUri";
        match (&self.mutual_tls_authentication, &live.mutual_tls_authentication) {
            (Some(new), old) => {
                let old = old.as_ref();
                let old_uri = old.map(|old| old.truststore_uri.clone());
                patch.change_if_given(uri, &Some(new.truststore_uri.clone()), &old_uri);
                let version = "/mutualTlsAuthentication/truststoreVersion";
                let old_version = old.and_then(|old| old.truststore_version.clone());
                patch.change_if_given(version, &new.truststore_version, &old_version);
            }
            (None, Some(_)) => patch.replace(uri, ""),
            (None, None) => {}
        }
    }
}

impl DomainNameEndpointConfiguration {
    fn sent(&self) -> EndpointConfiguration {
        EndpointConfiguration::builder()
            .set_ip_address_type(self.ip_address_type.as_deref().map(Into::into))
            .types(self.types.as_str().into())
            .build()
    }
}

/// A private name is not unique, so its id is part of ours.
fn id(name: &str, domain_id: Option<&str>) -> String {
    match domain_id.filter(|id| !id.is_empty()) {
        Some(domain_id) => format!("{name}/{domain_id}"),
        None => name.to_owned(),
    }
}

fn place(id: &Id) -> (&str, Option<String>) {
    match id.0.split_once('/') {
        Some((name, domain_id)) => (name, Some(domain_id.to_owned())),
        None => (&id.0, None),
    }
}

async fn seen(id: Id, cx: &Cx) -> Result<Seen<Live<DomainName>>> {
    let (name, domain_id) = place(&id);
    let get = cx.apigateway().get_domain_name().domain_name(name).set_domain_name_id(domain_id);
    let Some(d) = get.send().await.or_none()? else { return Ok(Seen::Gone) };
    match &d.domain_name_status {
        None | Some(DomainNameStatus::Available) => {}
        Some(status @ (DomainNameStatus::Pending | DomainNameStatus::Updating)) => {
            return Ok(Seen::Pending(status.as_str().to_owned()));
        }
        Some(status) => {
            let why = given(d.domain_name_status_message);
            return Ok(Seen::Failed(why.unwrap_or_else(|| status.as_str().to_owned())));
        }
    }
    let endpoint = d.endpoint_configuration.map(|e| -> Result<_> {
        let kind = need("types", e.types.unwrap_or_default().into_iter().next())?;
        Ok(DomainNameEndpointConfiguration {
            ip_address_type: e.ip_address_type.map(|kind| kind.as_str().to_owned()),
            types: kind.as_str().to_owned(),
        })
    });
    let trust = d.mutual_tls_authentication.and_then(|tls| {
        Some(DomainNameMutualTlsAuthentication {
            truststore_uri: given(tls.truststore_uri)?,
            truststore_version: given(tls.truststore_version),
        })
    });
    let usual = || arn(cx.partition(), cx.region(), &format!("/domainnames/{name}"));
    let outputs = DomainNameOutputs {
        arn: given(d.domain_name_arn).unwrap_or_else(usual),
        certificate_upload_date: moment(d.certificate_upload_date),
        cloudfront_domain_name: given(d.distribution_domain_name),
        cloudfront_zone_id: given(d.distribution_hosted_zone_id),
        domain_name_id: given(d.domain_name_id),
        regional_domain_name: given(d.regional_domain_name),
        regional_zone_id: given(d.regional_hosted_zone_id),
    };
    let inputs = DomainName {
        certificate_arn: given(d.certificate_arn),
        certificate_body: None,
        certificate_chain: None,
        certificate_name: given(d.certificate_name),
        certificate_private_key: None,
        domain_name: need("domainName", d.domain_name)?,
        endpoint_access_mode: d.endpoint_access_mode.and_then(|mode| given(Some(mode.as_str().to_owned()))),
        endpoint_configuration: endpoint.transpose()?,
        mutual_tls_authentication: trust,
        ownership_verification_certificate_arn: given(d.ownership_verification_certificate_arn),
        policy: document(d.policy),
        regional_certificate_arn: given(d.regional_certificate_arn),
        regional_certificate_name: given(d.regional_certificate_name),
        routing_mode: d.routing_mode.map(|mode| mode.as_str().to_owned()),
        security_policy: d.security_policy.map(|policy| policy.as_str().to_owned()),
        tags: tags_from(d.tags),
    };
    Ok(Seen::Ready(Live { inputs, outputs }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::wire::{aws, ok, read, reads_back};

    #[tokio::test]
    async fn read_gives_back_every_input() {
        let reply = r#"{"domainName":"api.example.com","domainNameArn":"arn:d","certificateName":"cert",
            "certificateArn":"arn:edge","certificateUploadDate":1700000000,
            "regionalDomainName":"d-1.execute-api.eu-west-1.amazonaws.com","regionalHostedZoneId":"ZLY8HYME6SFDD",
            "regionalCertificateName":"regional","regionalCertificateArn":"arn:cert",
            "endpointConfiguration":{"types":["REGIONAL"],"ipAddressType":"dualstack"},
            "domainNameStatus":"AVAILABLE","securityPolicy":"TLS_1_2","endpointAccessMode":"STRICT",
            "tags":{"a":"b"},"mutualTlsAuthentication":{"truststoreUri":"s3://b/k","truststoreVersion":"1"},
            "ownershipVerificationCertificateArn":"arn:own","policy":"{\\\"Statement\\\":[]}",
            "routingMode":"ROUTING_RULE_ONLY"}"#;
        let inputs = json!({
            "certificateArn": "arn:edge",
            "certificateName": "cert",
            "domainName": "api.example.com",
            "endpointAccessMode": "STRICT",
            "endpointConfiguration": { "ipAddressType": "dualstack", "types": "REGIONAL" },
            "mutualTlsAuthentication": { "truststoreUri": "s3://b/k", "truststoreVersion": "1" },
            "ownershipVerificationCertificateArn": "arn:own",
            "policy": r#"{"Statement":[]}"#,
            "regionalCertificateArn": "arn:cert",
            "regionalCertificateName": "regional",
            "routingMode": "ROUTING_RULE_ONLY",
            "securityPolicy": "TLS_1_2",
            "tags": { "a": "b" },
        });
        let get = ("/domainnames/api.example.com", ok(reply));
        reads_back(DomainName::TYPE, "api.example.com", &[get], &[], inputs).await;
    }

    #[tokio::test]
    async fn a_name_that_needs_a_proof_tells_what_is_missing() {
        let reply = r#"{"domainName":"api.example.com","domainNameStatus":"PENDING_OWNERSHIP_VERIFICATION",
            "domainNameStatusMessage":"provide an ownership certificate"}"#;
        let (aws, _) = aws(&[("/domainnames/", ok(reply))]);
        let seen = read(&aws, DomainName::TYPE, "api.example.com").await.unwrap();
        assert_eq!(seen, Seen::Failed("provide an ownership certificate".into()));
    }

    #[test]
    fn a_regional_name_is_aliased_to_the_zone_of_its_region() {
        let at = Where {
            partition: "aws".into(),
            account: "1".into(),
            region: crate::engine::urn::Place("us-east-2".into()),
            id: None,
        };
        let foreseen = |inputs: serde_json::Value| DomainName::foresee(&inputs.into(), &at);
        let regional = foreseen(json!({ "domainName": "a.example", "regionalCertificateArn": "arn:c" }));
        assert_eq!(regional[0], ("arn", "arn:aws:apigateway:us-east-2::/domainnames/a.example".into()));
        assert_eq!(regional[1], ("regionalZoneId", "ZOJJZC49E0EPZ".into()));
        let edge = foreseen(json!({ "domainName": "a.example", "certificateArn": "arn:c" }));
        assert_eq!(edge[1], ("cloudfrontZoneId", CLOUDFRONT_ZONE.into()));
    }
}
