use super::*;

const VPC: &str = "aws:ec2/vpc:Vpc";
const SUBNET: &str = "aws:ec2/subnet:Subnet";
const GROUP: &str = "aws:ec2/securityGroup:SecurityGroup";
const ROLE: &str = "aws:iam/role:Role";
const ATTACHMENT: &str = "aws:iam/rolePolicyAttachment:RolePolicyAttachment";
const INLINE: &str = "aws:iam/rolePolicy:RolePolicy";
const FUNCTION: &str = "aws:lambda/function:Function";

const MINUTE: u64 = 60;

/// A VPC with a subnet and a group, and a role for functions in it.
struct Lab {
    twin: Twin,
    subnet: Id,
    group: Id,
    role: String,
}

impl Lab {
    async fn new() -> Self {
        Self::on(twin_of(Arc::clone(crate::aws::catalog()))).await
    }

    async fn on(twin: Twin) -> Self {
        let vpc = create(&twin, &at(VPC, "v"), json!({ "cidrBlock": "10.0.0.0/16" })).await.unwrap();
        pass(MINUTE).await;
        let inputs = json!({ "vpcId": vpc.0, "cidrBlock": "10.0.1.0/24", "availabilityZone": "us-east-1a" });
        let subnet = create(&twin, &at(SUBNET, "s"), inputs).await.unwrap();
        let group = create(&twin, &at(GROUP, "g"), json!({ "name": "g", "vpcId": vpc.0 })).await.unwrap();
        let inputs = json!({ "name": "r", "assumeRolePolicy": { "Version": "2012-10-17", "Statement": [] } });
        let id = create(&twin, &at_in(ROLE, "r", Place::GLOBAL), inputs).await.unwrap();
        pass(MINUTE).await;
        let live = ready(&twin, &kind_in(ROLE, Place::GLOBAL), &id).await;
        let role = live.outputs.get("arn").and_then(Value::as_str).unwrap().to_owned();
        Self { twin, subnet, group, role }
    }

    async fn attach(&self) -> Id {
        let inputs =
            json!({ "role": "r", "policyArn": "arn:aws:iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole" });
        create(&self.twin, &at_in(ATTACHMENT, "a", Place::GLOBAL), inputs).await.unwrap()
    }

    fn inputs(&self, name: &str, inside: bool) -> serde_json::Value {
        let inside = inside.then(|| json!({ "subnetIds": [self.subnet.0], "securityGroupIds": [self.group.0] }));
        json!({ "name": name, "role": self.role, "imageUri": "image", "packageType": "Image", "vpcConfig": inside })
    }

    async fn function(&self, name: &str) -> Id {
        let id = create(&self.twin, &at(FUNCTION, name), self.inputs(name, true)).await.unwrap();
        pass(MINUTE).await;
        id
    }

    async fn end(&self, ty: &str, name: &str, id: &Id) -> Next {
        let place = if ty.starts_with("aws:iam") { Place::GLOBAL } else { REGION };
        let next = delete(&self.twin, &at_in(ty, name, place), id).await.unwrap();
        pass(MINUTE).await;
        next
    }

    /// What becomes of a deletion of the group and of the subnet, which both are held or both are not.
    async fn is_held(&self) -> bool {
        let group = matches!(delete(&self.twin, &at(GROUP, "g"), &self.group).await.unwrap(), Next::Held(_));
        let subnet = matches!(delete(&self.twin, &at(SUBNET, "s"), &self.subnet).await.unwrap(), Next::Held(_));
        assert_eq!(group, subnet);
        group
    }
}

#[tokio::test(start_paused = true)]
async fn interfaces_of_a_function_hold_its_groups_and_subnets_for_twenty_minutes_more() {
    let lab = Lab::new().await;
    lab.attach().await;
    let function = lab.function("f").await;
    lab.end(FUNCTION, "f", &function).await;
    assert!(lab.is_held().await);
    pass(18 * MINUTE).await;
    assert!(lab.is_held().await);
    pass(MINUTE).await;
    assert!(!lab.is_held().await);
}

#[tokio::test(start_paused = true)]
async fn interfaces_stay_where_no_policy_of_the_role_lets_lambda_delete_them_any_more() {
    let lab = Lab::new().await;
    let attachment = lab.attach().await;
    let policy =
        json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": "logs:*", "Resource": "*" }] });
    let inputs = json!({ "role": "r", "name": "logs", "policy": policy });
    create(&lab.twin, &at_in(INLINE, "logs", Place::GLOBAL), inputs).await.unwrap();
    let function = lab.function("f").await;
    lab.end(FUNCTION, "f", &function).await;
    lab.end(ATTACHMENT, "a", &attachment).await;
    pass(45 * MINUTE).await;
    assert!(lab.is_held().await, "what logs does not let Lambda delete interfaces");
    pass(15 * MINUTE).await;
    assert!(!lab.is_held().await, "detached, and whoever deletes the group deletes them");
}

#[tokio::test(start_paused = true)]
async fn each_policy_that_allows_it_is_enough() {
    let lab = Lab::new().await;
    let attachment = lab.attach().await;
    let policy = json!({ "Version": "2012-10-17", "Statement": { "Effect": "Allow", "Action": ["ec2:Delete*"], "Resource": "*" } });
    let inputs = json!({ "role": "r", "name": "own", "policy": policy });
    create(&lab.twin, &at_in(INLINE, "own", Place::GLOBAL), inputs).await.unwrap();
    let function = lab.function("f").await;
    lab.end(FUNCTION, "f", &function).await;
    lab.end(ATTACHMENT, "a", &attachment).await;
    pass(20 * MINUTE).await;
    assert!(!lab.is_held().await);
}

#[tokio::test(start_paused = true)]
async fn functions_with_the_same_groups_and_subnets_share_interfaces() {
    let lab = Lab::new().await;
    lab.attach().await;
    let (one, two) = (lab.function("f").await, lab.function("g").await);
    lab.end(FUNCTION, "f", &one).await;
    pass(30 * MINUTE).await;
    lab.end(FUNCTION, "g", &two).await;
    assert!(lab.is_held().await, "the time begins with the last of them");
    pass(20 * MINUTE).await;
    assert!(!lab.is_held().await);
}

#[tokio::test(start_paused = true)]
async fn a_function_that_leaves_its_vpc_leaves_its_interfaces_too() {
    let lab = Lab::new().await;
    lab.attach().await;
    let function = lab.function("f").await;
    update(&lab.twin, &at(FUNCTION, "f"), &function, lab.inputs("f", false)).await.unwrap();
    pass(MINUTE).await;
    assert!(lab.is_held().await);
    pass(20 * MINUTE).await;
    assert!(!lab.is_held().await);
}

#[tokio::test(start_paused = true)]
async fn interfaces_that_were_left_outlast_the_command() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("twin.json");
    let open = || Twin::open(&path, Arc::clone(crate::aws::catalog()), START.parse().unwrap()).unwrap().0;
    let twin = open();
    twin.keep_log().unwrap();
    let lab = Lab::on(twin).await;
    lab.attach().await;
    let function = lab.function("f").await;
    lab.end(FUNCTION, "f", &function).await;
    // A command that is killed writes no file.
    let lab = Lab { twin: open(), ..lab };
    assert!(lab.is_held().await);
    lab.twin.save().unwrap();
    let lab = Lab { twin: open(), ..lab };
    assert!(lab.is_held().await);
    pass(20 * MINUTE).await;
    assert!(!lab.is_held().await);
}
