#!/bin/sh
# A pipeline step for any CI system: shows a plan for a pull request, applies it on main.
#   deploy.sh preview [FILE]   writes the plan as Markdown to FILE, for a comment
#   deploy.sh apply            brings the cloud to what the stack says
# DRCTL_STACK names the stack; credentials come from the environment, as for every AWS tool.
# Put `.drctl/` where the next run finds it again: a cache, a volume, a checked-out bucket.
set -eu

: "${DRCTL_STACK:?name the stack in DRCTL_STACK}"

case "${1:-}" in
    preview)
        drctl validate
        drctl preview --markdown > "${2:-plan.md}"
        ;;
    apply)
        drctl up --yes
        drctl preview --expect-no-changes
        ;;
    *)
        echo "usage: deploy.sh preview [FILE] | apply" >&2
        exit 2
        ;;
esac
