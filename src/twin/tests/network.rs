use super::aws::{ACCEPTER, BUCKET, GROUP, PEERING, ROUTE, SUBNET, SUBNETS, VPC, catalog};
use super::*;

const NEAR: &str = "us-east-1";
const FAR: &str = "us-east-2";

async fn vpc(twin: &Twin, region: &str, range: &str) -> Id {
    create(twin, &at_in(VPC, &format!("{region}-{range}"), region), json!({ "cidrBlock": range })).await.unwrap()
}

async fn peering(twin: &Twin, ranges: [&str; 2]) -> Id {
    let (near, far) = (vpc(twin, NEAR, ranges[0]).await, vpc(twin, FAR, ranges[1]).await);
    let inputs = json!({ "vpcId": near.0, "peerVpcId": far.0, "peerRegion": FAR });
    create(twin, &at_in(PEERING, "p", NEAR), inputs).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_vpc_with_subnets_cannot_be_deleted() {
    let twin = twin_of(catalog());
    let id = vpc(&twin, NEAR, "10.0.0.0/16").await;
    let subnet = json!({ "vpcId": id.0, "cidrBlock": "10.0.1.0/24" });
    create(&twin, &at_in(SUBNET, "s", NEAR), subnet).await.unwrap();
    let error = delete(&twin, &at_in(VPC, "v", NEAR), &id).await.unwrap_err();
    assert_eq!(code(&error), (Kind::Busy, "DependencyViolation"));
    insta::assert_snapshot!(error, @"Vpc `vpc-60eade94d73046606` is in use by Subnet `subnet-bacbbc98b61d640fa`");
}

#[tokio::test(start_paused = true)]
async fn an_unknown_vpc_is_refused_in_the_words_of_ec2() {
    let inputs = json!({ "vpcId": "vpc-0123456789abcdef0" });
    let error = create(&twin_of(catalog()), &at_in(SUBNET, "s", NEAR), inputs).await.unwrap_err();
    assert_eq!(code(&error), (Kind::NotFound, "InvalidVpcID.NotFound"));
    assert_eq!(error.operation.as_deref(), Some("ec2:CreateSubnet"));
    insta::assert_snapshot!(error, @"`vpcId` names a Vpc `vpc-0123456789abcdef0`, which does not exist here");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_the_id_is_refused_whatever_it_names() {
    let twin = twin_of(catalog());
    let bucket = create(&twin, &at_in(BUCKET, "b", NEAR), json!({ "bucket": "b" })).await.unwrap();
    let group = create(&twin, &at_in(GROUP, "g", NEAR), json!({ "name": "g" })).await.unwrap();
    for wrong in ["blah", "arn:aws:s3:::b", &bucket.0, &group.0] {
        let error = create(&twin, &at_in(SUBNET, "s", NEAR), json!({ "vpcId": wrong })).await.unwrap_err();
        assert_eq!(code(&error), (Kind::NotFound, "InvalidVpcID.NotFound"), "{wrong}");
    }
}

#[tokio::test(start_paused = true)]
async fn ranges_that_aws_would_refuse_are_refused() {
    let twin = twin_of(catalog());
    let id = vpc(&twin, NEAR, "10.0.0.0/16").await;
    let subnet = |range: &str, zone: &str| json!({ "vpcId": id.0, "cidrBlock": range, "availabilityZone": zone });
    create(&twin, &at_in(SUBNET, "s", NEAR), subnet("10.0.1.0/24", "us-east-1a")).await.unwrap();
    for (inputs, expected) in [
        (subnet("10.1.0.0/24", "us-east-1a"), "InvalidSubnet.Range"),
        (subnet("10.0.1.128/25", "us-east-1a"), "InvalidSubnet.Conflict"),
        (subnet("10.0.2.0/29", "us-east-1a"), "InvalidSubnet.Range"),
        (subnet("10.0.2.0/24", "us-east-2a"), "InvalidParameterValue"),
    ] {
        let error = create(&twin, &at_in(SUBNET, "t", NEAR), inputs).await.unwrap_err();
        assert_eq!(code(&error), (Kind::Invalid, expected));
    }
    let error = create(&twin, &at_in(VPC, "w", NEAR), json!({ "cidrBlock": "10.0.0.0/8" })).await.unwrap_err();
    assert_eq!(code(&error), (Kind::Invalid, "InvalidVpc.Range"));
}

#[tokio::test(start_paused = true)]
async fn names_of_security_groups_are_unique_in_their_vpc() {
    let twin = twin_of(catalog());
    let (one, two) = (vpc(&twin, NEAR, "10.0.0.0/16").await, vpc(&twin, NEAR, "10.1.0.0/16").await);
    let group = |vpc: &Id| json!({ "name": "db", "vpcId": vpc.0 });
    create(&twin, &at_in(GROUP, "a", NEAR), group(&one)).await.unwrap();
    create(&twin, &at_in(GROUP, "b", NEAR), group(&two)).await.unwrap();
    let error = create(&twin, &at_in(GROUP, "c", NEAR), group(&one)).await.unwrap_err();
    assert_eq!(code(&error), (Kind::Exists, "InvalidGroup.Duplicate"));
}

#[tokio::test(start_paused = true)]
async fn a_peering_works_only_after_the_other_region_has_accepted_it() {
    let twin = twin_of(catalog());
    let id = peering(&twin, ["10.0.0.0/16", "10.1.0.0/16"]).await;
    let status = async |twin: &Twin| {
        let live = ready(twin, &kind_in(PEERING, NEAR), &id).await;
        live.outputs.get("acceptStatus").unwrap().as_str().unwrap().to_owned()
    };
    let route = json!({ "destinationCidrBlock": "10.1.0.0/16", "vpcPeeringConnectionId": id.0 });
    let route_id = create(&twin, &at_in(ROUTE, "r", NEAR), route).await.unwrap();
    let state = async |twin: &Twin| {
        let live = ready(twin, &kind_in(ROUTE, NEAR), &route_id).await;
        live.outputs.get("state").unwrap().as_str().unwrap().to_owned()
    };
    assert_eq!((status(&twin).await.as_str(), state(&twin).await.as_str()), ("pending-acceptance", "blackhole"));

    let accept = json!({ "vpcPeeringConnectionId": id.0, "autoAccept": true });
    let error = create(&twin, &at_in(ACCEPTER, "x", NEAR), accept.clone()).await.unwrap_err();
    assert_eq!(code(&error), (Kind::Invalid, "OperationNotPermitted"));
    create(&twin, &at_in(ACCEPTER, "y", FAR), accept).await.unwrap();
    assert_eq!((status(&twin).await.as_str(), state(&twin).await.as_str()), ("active", "active"));

    assert_eq!(delete(&twin, &at_in(PEERING, "p", NEAR), &id).await.unwrap(), Next::Gone);
    assert_eq!(state(&twin).await, "blackhole");
    assert_eq!(read(&twin, &kind_in(ACCEPTER, FAR), &id).await, Seen::Gone);
}

#[tokio::test(start_paused = true)]
async fn a_peering_of_overlapping_ranges_fails() {
    let twin = twin_of(catalog());
    let id = peering(&twin, ["10.0.0.0/16", "10.0.0.0/20"]).await;
    assert!(matches!(read(&twin, &kind_in(PEERING, NEAR), &id).await, Seen::Failed(_)));
}

#[tokio::test(start_paused = true)]
async fn nobody_accepts_a_peering_for_another_region() {
    let twin = twin_of(catalog());
    let (near, far) = (vpc(&twin, NEAR, "10.0.0.0/16").await, vpc(&twin, FAR, "10.1.0.0/16").await);
    let inputs = json!({ "vpcId": near.0, "peerVpcId": far.0, "peerRegion": FAR, "autoAccept": true });
    assert_eq!(create(&twin, &at_in(PEERING, "p", NEAR), inputs).await.unwrap_err().kind, Kind::Invalid);
}

#[tokio::test(start_paused = true)]
async fn a_database_needs_subnets_in_two_zones() {
    let twin = twin_of(catalog());
    let id = vpc(&twin, NEAR, "10.0.0.0/16").await;
    let mut subnets = Vec::new();
    for (n, zone) in ["us-east-1a", "us-east-1a", "us-east-1b"].iter().enumerate() {
        let inputs = json!({ "vpcId": id.0, "cidrBlock": format!("10.0.{n}.0/24"), "availabilityZone": zone });
        subnets.push(create(&twin, &at_in(SUBNET, &n.to_string(), NEAR), inputs).await.unwrap().0);
    }
    let group = |subnets: &[String]| json!({ "name": "db", "subnetIds": subnets });
    let error = create(&twin, &at_in(SUBNETS, "g", NEAR), group(&subnets[..2])).await.unwrap_err();
    assert_eq!(code(&error), (Kind::Invalid, "DBSubnetGroupDoesNotCoverEnoughAZs"));
    create(&twin, &at_in(SUBNETS, "g", NEAR), group(&subnets)).await.unwrap();
}
