//! What AWS would refuse minutes into a run, or accept and never do: rules that look at the whole
//! program before anything happens.
//!
//! # How to add a rule
//!
//! 1. Write `<code>.rs`, the code with underscores; `burstable_class.rs` is the model. It holds one
//!    `RULE` and its tests.
//! 2. Add its name to `rules!` below. The README, `drctl explain` and the tests that hold for all
//!    rules know it from there.
//!
//! # Rules of rules
//!
//! - What is unknown is skipped: a rule speaks only of what it sees. [`scene::Field::target`] follows
//!   a reference to the resource that it names, although its id is unknown.
//! - A mistake is shown at the property that has to change, and its help says what to.
//! - A rule looks things up in an index and never compares all with all.

mod global_database;
mod private_zone;
mod scene;
#[cfg(test)]
mod testing;

use crate::engine::diagnostic::Diagnostic;
use crate::stack::StackProgram;
use scene::Scene;

/// Something that must hold in a program.
pub struct Rule {
    /// What messages carry and `drctl explain` takes: `burstable-class`.
    pub code: &'static str,
    /// What must hold, in one sentence.
    pub summary: &'static str,
    /// What happens otherwise.
    pub why: &'static str,
    find: fn(&Scene<'_>) -> Vec<Diagnostic>,
}

macro_rules! rules {
    ($($file:ident),* $(,)?) => {
        $(mod $file;)*

        /// Every rule, in the order of the codes.
        pub static RULES: &[Rule] = &[$($file::RULE),*];

        #[cfg(test)]
        const FILES: &[&str] = &[$(stringify!($file)),*];
    };
}

rules! {
    alarm_action_region,
    alarm_route53_reads,
    bucket_versioning,
    burstable_class,
    certificate_region,
    child_health_threshold,
    cidr_form,
    cidr_peered,
    cidr_size,
    cidr_subnet,
    cluster_identifier,
    composite_alarm_region,
    event_target_region,
    global_metric_region,
    health_check_address,
    key_region,
    load_balancer_name,
    log_destination_region,
    managed_password,
    metric_stream_region,
    network_region,
    parameter_group_family,
    port_range,
    private_zone_record,
    replication_metric_region,
    reserved_name,
    reserved_path,
    reserved_tag,
    reserved_variable,
    same_name,
    schedule,
    secondary_credentials,
    secondary_key,
    security_group_region,
    subnet_group_zones,
    tag_limits,
    wrong_reference,
    zone_region,
}

/// The rule of a code.
pub fn rule(code: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.code == code)
}

/// What is wrong with a program by all rules, in the order of its text.
pub fn check(program: &StackProgram) -> Vec<Diagnostic> {
    let scene = Scene::of_program(program);
    let mut found: Vec<Diagnostic> = RULES.iter().flat_map(|rule| rule.check(&scene)).collect();
    found.sort_by_cached_key(|d| (d.at.as_ref().map(|at| (at.source.name.clone(), at.start)), d.code));
    // Instances of one text make one mistake.
    found.dedup_by(|a, b| a.at == b.at && a.code == b.code && a.message == b.message);
    found
}

impl Rule {
    fn check(&self, scene: &Scene<'_>) -> Vec<Diagnostic> {
        (self.find)(scene).into_iter().map(|found| Diagnostic { code: self.code, ..found }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_stands_in_the_file_of_its_code() {
        let codes: Vec<String> = RULES.iter().map(|rule| rule.code.replace('-', "_")).collect();
        assert_eq!(codes, FILES);
        assert!(codes.is_sorted());
    }

    #[test]
    fn every_rule_says_what_must_hold_and_why() {
        for rule in RULES {
            for text in [rule.summary, rule.why] {
                assert!(text.ends_with('.') && !text.contains('\n'), "{}: {text}", rule.code);
            }
        }
    }

    #[test]
    fn a_document_that_is_no_json_is_refused_before_any_rule_looks_at_it() {
        let program = "  a: {type: aws:sns:TopicPolicy, properties: {arn: a, policy: '{'}}\n";
        let refusal = testing::refusal(program);
        assert!(refusal.contains("`policy` of `aws:sns:TopicPolicy` is no JSON"), "{refusal}");
    }

    #[test]
    fn a_mistake_that_is_none_of_a_rule_hides_no_broken_rule() {
        let program = "
  a: {type: aws:rds:Cluster, properties: {engine: a, databaseName: '${pulumi.stack[3]}'}}
  b: {type: aws:cloudwatch:EventRule, properties: {scheduleExpression: rate(30 seconds), isEnabld: true}}
  c: {type: aws:ec2:Vpc, properties: {cidrBlock: {fn::cidrSubnet: [10.0.0.0/8, 1, 9]}, tags: {'aws:x': y}}}
  d: {type: aws:nothing:Here}
";
        let told = testing::told(program);
        for mistake in [
            "error[access]",
            "error[unknown-property]",
            "error[function]",
            "error[unknown-type]",
            "error[schedule]",
            "error[reserved-tag]",
        ] {
            assert_eq!(told.matches(mistake).count(), 1, "{mistake}: {told}");
        }
        assert_eq!(told.matches("error[").count(), 6, "{told}");
    }

    /// Each program has one mistake. Without it rules find nothing, and with it nothing else.
    #[test]
    fn what_is_wrong_is_unknown_to_rules_and_what_may_be_meant_is_not_missing() {
        let bucket = "
  one: {type: aws:s3:Bucket, properties: {bucket: one}}
  two: {type: aws:s3:Bucket, properties: {bucket: two}}
  role: {type: aws:iam:Role, properties: {assumeRolePolicy: {}}}
  v: {type: aws:s3:BucketVersioning, properties: {bucket: two, versioningConfiguration: {status: Enabled}}}
  r:
    type: aws:s3:BucketReplicationConfig
    properties:
      {bucket: '${one.bucket}', role: '${role.arn}', rules: [{status: Enabled, destination: {bucket: '${two.arn}'}}]}
";
        let database = "
  g: {type: aws:rds:GlobalCluster, properties: {globalClusterIdentifier: g, engine: a, storageEncrypted: true}}
  p: {type: aws:rds:Cluster, properties: {engine: a, globalClusterIdentifier: '${g.id}', masterUsername: m, masterPassword: {fn::secret: 12345678}}}
";
        let clusters = "
  db: {type: aws:rds:Cluster, properties: {engine: a}}
  check: {type: aws:route53:HealthCheck, properties: {type: TCP, port: 5432, fqdn: '${db.endpoint}'}}
";
        let wrong = [
            format!(
                "{bucket}  w: {{type: aws:s3:BucketVersioning, properties: {{bucket: '${{one.bukket}}', versioningConfiguration: {{status: Enabled}}}}}}\n"
            ),
            format!(
                "{bucket}  w: {{type: aws:s3:BucketVersioning, properties: {{bucket: one, versioningConfiguration: {{status: '${{pulumi.stack[1]}}'}}}}}}\n"
            ),
            format!("{bucket}  w: {{type: aws:s3:BuketVersioning, properties: {{bucket: one}}}}\n"),
            format!(
                "{database}  s: {{type: aws:rds:Cluster, region: secondary, properties: {{engine: a, globalClusterIdentifier: '${{g.id}}', kmsKeyIdd: x}}}}\n"
            ),
            "  v: {type: aws:ec2:Vpc, properties: {cidrBlok: 10.0.0.0/16}}\n".to_owned(),
            "  v: {type: aws:ec2:Vpc, properties: {cidrBlock: '${pulumi.stack[1]}'}}\n".to_owned(),
            format!(
                "{clusters}  node: {{type: aws:rds:ClusterInstance, properties: {{clusterIdentifier: '${{db.idd}}', engine: a, instanceClass: db.r6g.large, publiclyAccessible: true}}}}\n"
            ),
            format!(
                "{clusters}  node: {{type: aws:rds:ClusterInstance, properties: {{clusterIdentifier: '${{db.id}}', engine: a, instanceClass: db.r6g.large, publiclyAcessible: true}}}}\n"
            ),
        ];
        for program in wrong {
            let told = testing::told(&program);
            assert_eq!(told.matches("error[").count(), 1, "{program}\n{told}");
        }
    }
}
