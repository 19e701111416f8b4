#!/bin/bash
# Ask the operations port of this machine: health_check.sh [live|ready]
# Exit code 0 if it answers 200. Bash alone, so that a check every few seconds costs nothing.
#   live    the supervisor's loop turns; what restarts a container asks this
#   ready   a visitor would be heard, seen, named and told of
# $DOORBELL_OPERATIONS__LISTEN gives the port, $DOORBELL_OPERATIONS__TOKEN_FILE the token.
set -uo pipefail

what=${1:-live}
case $what in
live | ready) ;;
*)
  echo "usage: health_check.sh [live|ready]" >&2
  exit 2
  ;;
esac

listen=${DOORBELL_OPERATIONS__LISTEN:-127.0.0.1:9713}
port=${listen##*:}
authorization=
if [ -n "${DOORBELL_OPERATIONS__TOKEN_FILE:-}" ]; then
  IFS= read -r token <"$DOORBELL_OPERATIONS__TOKEN_FILE" || [ -n "$token" ] || exit 1
  authorization=$'\r\n'"Authorization: Bearer $token"
fi

ask() {
  exec 3<>"/dev/tcp/127.0.0.1/$port" || return 1
  printf 'GET /health/%s HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close%s\r\n\r\n' "$what" "$authorization" >&3
  IFS=' ' read -r -t 4 _ status _ <&3 || return 1
  [ "$status" = 200 ]
}

if ask 2>/dev/null; then
  exit 0
fi
echo "the doorbell is not $what${status:+: $status}"
exit 1
