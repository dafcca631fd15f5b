use std::net::Ipv4Addr;

use super::Rule;
use super::scene::{Field, Scene};
use crate::engine::diagnostic::Diagnostic;

pub(super) const RULE: Rule = Rule {
    code: "reserved-name",
    summary: "Names keep clear of what AWS reserves: of buckets, groups, parameters, keys and database users.",
    why: "The service refuses the name when its turn comes, and a master user needs a new cluster.",
    find,
};

/// What a name must not be.
enum Not {
    BeginsWith(&'static [&'static str]),
    EndsWith(&'static [&'static str]),
    Is(&'static [&'static str]),
    IsAddress,
}

use Not::{BeginsWith, EndsWith, Is, IsAddress};

const CLUSTER: &str = "aws:rds/cluster:Cluster";

/// Type, input, and what AWS keeps for itself, in small letters.
const RESERVED: [(&str, &str, Not); 12] = [
    ("aws:cloudwatch/logGroup:LogGroup", "name", BeginsWith(&["aws/"])),
    ("aws:kms/alias:Alias", "name", BeginsWith(&["alias/aws/"])),
    ("aws:s3/bucket:Bucket", "bucket", BeginsWith(&["xn--", "sthree-", "amzn-s3-demo-"])),
    (
        "aws:s3/bucket:Bucket",
        "bucket",
        EndsWith(&["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"]),
    ),
    ("aws:s3/bucket:Bucket", "bucket", IsAddress),
    ("aws:ec2/securityGroup:SecurityGroup", "name", BeginsWith(&["sg-"])),
    ("aws:ec2/securityGroup:SecurityGroup", "name", Is(&["default"])),
    ("aws:rds/subnetGroup:SubnetGroup", "name", Is(&["default"])),
    ("aws:ssm/parameter:Parameter", "name", BeginsWith(&["aws", "ssm", "/aws", "/ssm"])),
    (
        CLUSTER,
        "databaseName",
        Is(&["information_schema", "mysql", "performance_schema", "rdsadmin", "sys", "template0", "template1"]),
    ),
    (CLUSTER, "masterUsername", Is(&["rdsadmin", "rds_superuser", "rds_replication", "rdsrepladmin"])),
    (CLUSTER, "masterUsername", BeginsWith(&["pg_"])),
];

fn find(scene: &Scene<'_>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for (ty, input, not) in &RESERVED {
        found.extend(scene.of(ty).filter_map(|item| refused(item.field(input), not)));
    }
    let clusters = scene.of(CLUSTER).filter(|cluster| {
        cluster.field("engine").text().is_some_and(|engine| engine.contains("postgres"))
    });
    found.extend(clusters.filter_map(|cluster| refused(cluster.field("masterUsername"), &Is(&["admin"]))));
    found
}

fn refused(field: Field<'_>, not: &Not) -> Option<Diagnostic> {
    let name = field.text()?;
    let small = name.to_ascii_lowercase();
    let what = match not {
        BeginsWith(all) => format!("begins with `{}`,", all.iter().find(|start| small.starts_with(**start))?),
        EndsWith(all) => format!("ends with `{}`,", all.iter().find(|end| small.ends_with(**end))?),
        Is(all) => all.contains(&small.as_str()).then(|| "is a name,".to_owned())?,
        IsAddress => small.parse::<Ipv4Addr>().ok().map(|_| "has the form of an address,".to_owned())?,
    };
    Some(field.wrong(format!("`{name}` {what} which AWS keeps for itself")).help("choose another name"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::found;

    #[test]
    fn names_of_aws_are_not_taken() {
        let program = "
  a: {type: aws:s3:Bucket, properties: {bucket: xn--orders}}
  b: {type: aws:s3:Bucket, properties: {bucket: orders-s3alias}}
  c: {type: aws:rds:Cluster, properties: {engine: aurora-postgresql, masterUsername: rdsadmin}}
  d: {type: aws:rds:Cluster, properties: {engine: aurora-postgresql, masterUsername: admin}}
  e: {type: aws:rds:Cluster, properties: {engine: aurora-mysql, masterUsername: admin}}
  f: {type: aws:cloudwatch:LogGroup, properties: {name: aws/orders}}
  g: {type: aws:cloudwatch:LogGroup, properties: {name: /aws/lambda/orders}}
";
        let expected = [
            "admin | `admin` is a name, which AWS keeps for itself",
            "aws/orders | `aws/orders` begins with `aws/`, which AWS keeps for itself",
            "orders-s3alias | `orders-s3alias` ends with `-s3alias`, which AWS keeps for itself",
            "rdsadmin | `rdsadmin` is a name, which AWS keeps for itself",
            "xn--orders | `xn--orders` begins with `xn--`, which AWS keeps for itself",
        ];
        assert_eq!(found(&RULE, program), expected);
    }

    #[test]
    fn groups_are_not_called_as_those_that_aws_makes_and_buckets_not_as_addresses() {
        let program = "
  a: {type: aws:s3:Bucket, properties: {bucket: 192.168.5.4}}
  b: {type: aws:s3:Bucket, properties: {bucket: 192.168.5.4.orders}}
  c: {type: aws:ec2:SecurityGroup, properties: {name: sg-orders}}
  d: {type: aws:ec2:SecurityGroup, properties: {name: default}}
  e: {type: aws:ec2:SecurityGroup, properties: {name: orders-default}}
  f: {type: aws:rds:SubnetGroup, properties: {name: Default, subnetIds: [subnet-1, subnet-2]}}
";
        let expected = [
            "192.168.5.4 | `192.168.5.4` has the form of an address, which AWS keeps for itself",
            "Default | `Default` is a name, which AWS keeps for itself",
            "default | `default` is a name, which AWS keeps for itself",
            "sg-orders | `sg-orders` begins with `sg-`, which AWS keeps for itself",
        ];
        assert_eq!(found(&RULE, program), expected);
    }
}
