#!/bin/sh
# A pipeline step for any CI system: shows a plan for a pull request, applies it on main.
#   deploy.sh preview [FILE]   writes the plan as Markdown to FILE, for a comment
#   deploy.sh apply            brings the cloud to what the stack says
# DRCTL_STACK names the stack, DRCTL_STATE the bucket of its state: a job forgets its files.
# DRCTL_PASSPHRASE opens its secrets, unless DRCTL_SECRETS names keys of KMS. Credentials come
# from the environment, as for every AWS tool.
set -eu

: "${DRCTL_STACK:?name the stack in DRCTL_STACK}"
: "${DRCTL_STATE:?say in DRCTL_STATE where its state is kept: s3://BUCKET/PREFIX}"

case "${1:-}" in
    preview)
        drctl validate
        drctl preview --markdown > "${2:-plan.md}"
        ;;
    apply)
        # Another run of the stack is waited for.
        drctl up --yes --lock-timeout 10m
        drctl preview --expect-no-changes
        ;;
    *)
        echo "usage: deploy.sh preview [FILE] | apply" >&2
        exit 2
        ;;
esac
