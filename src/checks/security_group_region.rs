use super::Rule;
use super::scene::Scene;
use crate::engine::diagnostic::Diagnostic;

pub(super) const RULE: Rule = Rule {
    code: "security-group-region",
    summary: "A security group is used in its own region only.",
    why: "AWS does not find a group of another region, not even over a peering connection.",
    find,
};

fn find(scene: &Scene<'_>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for item in scene.all() {
        let texts = item.texts();
        for field in texts.into_iter().filter(|f| f.name.to_ascii_lowercase().contains("securitygroup")) {
            let Some((group, _)) = field.link().filter(|(g, _)| g.is("aws:ec2/securityGroup:SecurityGroup")) else {
                continue;
            };
            if field.elsewhere().is_some() {
                let message = format!(
                    "security group `{}` is of {}, and `{}` is in {}",
                    group.name(),
                    group.place(),
                    item.name(),
                    item.place()
                );
                let problem = field.wrong(message).also(group.at(), "the security group");
                found.push(problem.help("use a group of the same region; between regions, rules name address ranges"));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::found;

    #[test]
    fn a_security_group_is_not_seen_from_another_region() {
        let program = "
  near: {type: aws:ec2:SecurityGroup}
  far: {type: aws:ec2:SecurityGroup, region: secondary}
  cluster:
    type: aws:rds:Cluster
    properties: {engine: a, vpcSecurityGroupIds: ['${near.id}', '${far.id}']}
  rule:
    type: aws:vpc:SecurityGroupIngressRule
    properties: {securityGroupId: '${near.id}', referencedSecurityGroupId: '${far.id}', ipProtocol: tcp, fromPort: 1, toPort: 2}
  fine:
    type: aws:vpc:SecurityGroupIngressRule
    region: secondary
    properties: {securityGroupId: '${far.id}', cidrIpv4: 10.0.0.0/16, ipProtocol: tcp, fromPort: 1, toPort: 2}
";
        let expected = [
            "'${far.id}' | security group `far` is of eu-west-1, and `cluster` is in us-east-1",
            "'${far.id}' | security group `far` is of eu-west-1, and `rule` is in us-east-1",
        ];
        assert_eq!(found(&RULE, program), expected);
    }
}
