use super::*;
use crate::aws;

const CERTIFICATE: &str = "aws:acm/certificate:Certificate";
const VALIDATION: &str = "aws:acm/certificateValidation:CertificateValidation";
const NAME: &str = "aws:apigateway/domainName:DomainName";

fn aws_twin() -> Twin {
    twin_of(Arc::clone(aws::catalog()))
}

async fn certificate(twin: &Twin, region: &str, names: &[&str]) -> Live {
    let inputs = json!({ "domainName": names[0], "subjectAlternativeNames": names[1..], "validationMethod": "DNS" });
    let id = create(twin, &at_in(CERTIFICATE, &format!("c-{region}"), region), inputs).await.unwrap();
    pass(10).await;
    ready(twin, &kind_in(CERTIFICATE, region), &id).await
}

fn records(live: &Live) -> Vec<(String, String)> {
    let options = live.outputs.get("domainValidationOptions").and_then(Value::as_list).unwrap();
    let text = |option: &Value, part: &str| option.get(part).and_then(Value::as_str).unwrap().to_owned();
    options.iter().map(|o| (text(o, "domainName"), text(o, "resourceRecordName"))).collect()
}

#[tokio::test(start_paused = true)]
async fn a_name_has_one_record_in_all_regions_and_shares_it_with_its_wildcard() {
    let twin = aws_twin();
    let near = records(&certificate(&twin, "us-east-1", &["example.com", "*.example.com"]).await);
    let far = records(&certificate(&twin, "us-east-2", &["example.com"]).await);
    assert_eq!(near.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["example.com", "*.example.com"]);
    assert_eq!(near[0].1, far[0].1);
    assert_eq!(near[0].1, near[1].1);
}

#[tokio::test(start_paused = true)]
async fn a_certificate_is_issued_while_somebody_waits_for_it() {
    let twin = aws_twin();
    let pending = certificate(&twin, "us-east-1", &["example.com"]).await;
    let output = |live: &Live, name: &str| live.outputs.get(name).and_then(Value::as_str).unwrap().to_owned();
    assert_eq!(output(&pending, "status"), "PENDING_VALIDATION");
    let arn = output(&pending, "arn");
    let waits = create(&twin, &at(VALIDATION, "v"), json!({ "certificateArn": arn })).await.unwrap();
    assert_eq!(read(&twin, &kind(VALIDATION), &waits).await, Seen::Pending("creating".into()));
    pass(150).await;
    ready(&twin, &kind(VALIDATION), &waits).await;
    let issued = ready(&twin, &kind(CERTIFICATE), &Id(arn)).await;
    assert_eq!(output(&issued, "status"), "ISSUED");
}

#[tokio::test(start_paused = true)]
async fn a_regional_name_leads_to_an_endpoint_of_its_region() {
    let twin = aws_twin();
    let arn = certificate(&twin, "us-east-2", &["api.example.com"]).await.outputs.get("arn").cloned().unwrap();
    let inputs = json!({ "domainName": "api.example.com", "regionalCertificateArn": arn.as_str().unwrap(),
        "endpointConfiguration": { "types": "REGIONAL" } });
    let id = create(&twin, &at_in(NAME, "n", "us-east-2"), inputs).await.unwrap();
    pass(30).await;
    let live = ready(&twin, &kind_in(NAME, "us-east-2"), &id).await;
    let output = |name: &str| live.outputs.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let host = output("regionalDomainName");
    assert!(host.starts_with("d-") && host.ends_with(".execute-api.us-east-2.amazonaws.com"), "{host}");
    assert_eq!((output("regionalZoneId").as_str(), output("cloudfrontDomainName").as_str()), ("ZOJJZC49E0EPZ", ""));
}
