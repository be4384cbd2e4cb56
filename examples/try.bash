# try.bash: what the "try" of each example is made of. It is sourced; a try shows each
# request and fails where the answer is not the expected one.
# shellcheck shell=bash disable=SC2034 # what is set here is used there
set -euo pipefail

gateway=http://localhost:${PORT:-8080} sim=http://localhost:${SIM_PORT:-8089}
jar=$(mktemp)
trap 'rm -f "$jar"' EXIT

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }

# ask STATUS TEXT CURL-ARGUMENTS...: fails unless the answer has both; it is in $answer
ask() {
	local status=$1 text=$2
	shift 2
	# a token is as long as it is dull
	printf '$ curl' && printf ' %q' "$@" | sed -E 's/eyJ[A-Za-z0-9_.-]{20,}/TOKEN/g' && echo
	answer=$(curl -s -i --max-time 20 "$@")
	echo "$answer" | sed -E 's/eyJ[A-Za-z0-9_.-]{20,}/TOKEN/g' | grep -v -i -E '^(server|date|via|alt-svc|connection):' | head -n 20
	if ! grep -q "^HTTP/[0-9.]* $status" <<<"$answer" || ! grep -q -F -- "$text" <<<"$answer"; then
		echo "This should have been $status with: $text" >&2
		exit 1
	fi
}

field() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"; }

# login GATEWAY OPENID [APPID]: puts a token into $token
login() {
	local code
	code=$(curl -s "$sim/sim/login" -d "{\"openid\":\"$2\"${3:+,\"appid\":\"$3\"}}" | field code)
	ask 200 '"token"' "$1/wechat/login" -H 'Content-Type: application/json' -d "{\"code\":\"$code\"${3:+,\"appid\":\"$3\"}}"
	token=$(field token <<<"$answer")
}

# web_login APPID OPENID USER-AGENT RETURN: logs in as a browser does, by redirects; the
# cookie is in $jar. The simulator's page, on which one picks a user, is left out.
web_login() {
	local state code
	ask 302 'state=' -c "$jar" -b "$jar" -A "$3" "$gateway/wechat/authorize?return=$4"
	state=$(sed -n 's/^[Ll]ocation:.*[?&]state=\([A-Za-z0-9]*\).*/\1/p' <<<"$answer")
	code=$(curl -s "$sim/sim/oauth" -d "{\"appid\":\"$1\",\"openid\":\"$2\"}" | field code)
	ask 302 "$4" -c "$jar" -b "$jar" "$gateway/wechat/callback?code=$code&state=$state"
}
