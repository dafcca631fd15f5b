"""Starts moto's server on the loopback address, with some wrong answers corrected.

Usage: moto_server.py PORT   (or MOTO_PORT=PORT moto_server.py)
Prints `ready` when it answers, ends when its standard input closes.

The corrections are made in memory, never in the installed package. Operations that moto does not
implement stay missing; only these were answered wrongly:
- endpoints of a VPC could not be asked for by a filter on their ids (500);
- the policy of a key was not found without its name, which is optional and always the same;
- the versioning of a bucket came under an XML root that strict parsers refuse;
- the tags of a global database were refused;
- a cluster of another region could never leave its global database (200 without an effect).
"""

import logging
import os
import re
import sys

import lifetime

SETTINGS = {
    "MOTO_IAM_LOAD_MANAGED_POLICIES": "true",
    # Seconds until a certificate is issued: long enough for a waiter to see it pending.
    "MOTO_ACM_VALIDATION_WAIT": "2",
}


def correct_endpoint_filters(endpoint):
    answer = endpoint.get_filter_value

    def get_filter_value(self, filter_name, method_name=None):
        return self.id if filter_name == "vpc-endpoint-id" else answer(self, filter_name, method_name)

    endpoint.get_filter_value = get_filter_value


def correct_key_policies(responses):
    check = responses._assert_default_policy
    responses._assert_default_policy = lambda name: check(name or "default")


def correct_versioning(response):
    answer = response.get_bucket_versioning

    def get_bucket_versioning(self):
        status, headers, body = answer(self)
        return status, headers, body.replace("GetBucketVersioningResponse", "VersioningConfiguration")

    response.get_bucket_versioning = get_bucket_versioning


def correct_global_databases(backend, backends):
    start = backend.__init__

    def start_with_global_arns(self, region_name, account_id):
        start(self, region_name, account_id)
        self.arn_regex = re.compile(self.arn_regex.pattern.replace("(db|", "(db|global-cluster|"))

    def remove_from_global_cluster(self, global_cluster_identifier, db_cluster_identifier):
        regions = backends[self.account_id].values()
        homes = [region.global_clusters for region in regions if global_cluster_identifier in region.global_clusters]
        if not homes:
            return None
        cluster = homes[0][global_cluster_identifier]
        leaves = {db_cluster_identifier, db_cluster_identifier.rsplit(":", 1)[-1]}
        cluster.members[:] = [
            member
            for member in cluster.members
            if not {member.db_cluster_arn, member.db_cluster_identifier} & leaves
        ]
        return cluster

    backend.__init__ = start_with_global_arns
    backend.remove_from_global_cluster = remove_from_global_cluster


def main():
    port = lifetime.port_from(sys.argv, "MOTO_PORT")
    lifetime.begin()
    os.environ.update(SETTINGS, MOTO_PORT=str(port))

    from moto.ec2.models.vpcs import VPCEndPoint
    from moto.kms import responses as kms
    from moto.rds.models import RDSBackend, rds_backends
    from moto.s3.responses import S3Response
    from moto.server import main as serve

    correct_endpoint_filters(VPCEndPoint)
    correct_key_policies(kms)
    correct_versioning(S3Response)
    correct_global_databases(RDSBackend, rds_backends)
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    lifetime.live_until_stdin_closes(port, "/moto-api/")
    serve(["--host", lifetime.LOOPBACK, "--port", str(port)])


if __name__ == "__main__":
    main()
