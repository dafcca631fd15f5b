use super::aws::{ALARM, RECORD, ZONE, catalog};
use super::*;

async fn zone(twin: &Twin) -> Id {
    create(twin, &at_in(ZONE, "z", Place::GLOBAL), json!({ "name": "example.com" })).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn records_that_aws_would_refuse_are_refused() {
    let twin = twin_of(catalog());
    let id = zone(&twin).await;
    for inputs in [
        json!({ "name": "a.example.com", "type": "A", "records": ["not-an-ip"] }),
        json!({ "name": "a.example.com", "type": "AAAA", "records": ["10.0.0.1"] }),
        json!({ "name": "Example.com.", "type": "CNAME", "records": ["b.example.com"] }),
        json!({ "name": "a.example.com", "type": "A", "failoverRoutingPolicies": [{ "type": "PRIMARY" }] }),
    ] {
        let mut inputs = inputs;
        inputs["zoneId"] = json!(id.0);
        let error = create(&twin, &at_in(RECORD, "r", Place::GLOBAL), inputs).await.unwrap_err();
        assert_eq!(code(&error), (Kind::Invalid, "InvalidChangeBatch"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_zone_with_records_cannot_be_deleted() {
    let twin = twin_of(catalog());
    let id = zone(&twin).await;
    assert!(id.0.starts_with('Z') && id.0.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit()));
    let inputs = json!({ "zoneId": id.0, "name": "a.example.com", "type": "A", "records": ["10.0.0.1"] });
    create(&twin, &at_in(RECORD, "r", Place::GLOBAL), inputs).await.unwrap();
    let error = delete(&twin, &at_in(ZONE, "z", Place::GLOBAL), &id).await.unwrap_err();
    assert_eq!(code(&error), (Kind::Busy, "HostedZoneNotEmpty"));
}

#[tokio::test(start_paused = true)]
async fn an_alarm_acts_in_its_own_region_and_in_whole_minutes() {
    let twin = twin_of(catalog());
    for (inputs, word) in [
        (json!({ "name": "a", "alarmActions": ["arn:aws:sns:us-east-2:000000000000:t"] }), "`us-east-2`"),
        (json!({ "name": "a", "period": 45 }), "`period`"),
    ] {
        let error = create(&twin, &at(ALARM, "a"), inputs).await.unwrap_err();
        assert_eq!(error.kind, Kind::Invalid);
        assert!(error.message.contains(word), "{error}");
    }
    create(&twin, &at(ALARM, "a"), json!({ "name": "a", "period": 10 })).await.unwrap();
}
