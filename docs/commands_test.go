// commands_test.go: every command line of the pages runs, and answers what the page says.

package docs

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/wechattest"
)

// TestCommands runs the shell blocks of the pages, in their order, and the curl lines in
// their text, against the built gateway and the simulator. A block that cannot run has a
// comment before it that says why (see notRun); of make's targets it asks only whether
// they are there. It judges a curl line by the comment behind it: a number is the status,
// a text the body; without one any status below 400 will do.
func TestCommands(t *testing.T) {
	if testing.Short() {
		t.Skip("starts gateways, and needs curl, openssl and python3")
	}
	curls, lines := 0, 0
	for _, pattern := range []string{"../README*.md", "*.md"} {
		names, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, page := range names {
			t.Run(filepath.Base(page), func(t *testing.T) {
				for _, s := range []script{inBlocks(t, page), inText(t, page)} {
					if strings.TrimSpace(s.text) == "" {
						continue
					}
					answered := run(t, s.text, !strings.Contains(s.text, "wechatsim"))
					if len(answered) != len(s.expected) {
						t.Errorf("%d curl lines, %d answers", len(s.expected), len(answered))
					}
					for i, want := range s.expected[:min(len(s.expected), len(answered))] {
						want.judge(t, answered[i])
					}
					curls += len(s.expected)
					lines += strings.Count(s.text, "\n")
				}
			})
		}
	}
	t.Logf("%d lines, %d of curl", lines, curls)
	if curls < 24 || lines < 100 {
		t.Errorf("only %d lines, %d of curl, were run: is the search broken?", lines, curls)
	}
}

var (
	makeTarget = regexp.MustCompile(`(?m)^(?:[A-Z_]+=\S+ )*make ([a-z-]+).*\n`)
	shellCurl  = regexp.MustCompile(`(?m)^.*\bcurl .*$`)
	textCurl   = regexp.MustCompile("`(curl [^`]+)`([^\n|]*)")
)

// expectation is what a page says of a curl line.
type expectation struct {
	line, says string
	members    []string // of the JSON object that the page shows as the answer
}

// script is what is to be run of a page, and what its curl lines must answer.
type script struct {
	text     string
	expected []expectation
}

// inBlocks is the page's shell blocks as one script.
func inBlocks(t *testing.T, page string) (s script) {
	t.Helper()
	found := blocks(read(t, page))
	for i, b := range found {
		if b.language != "sh" || b.why != "" {
			continue
		}
		code := makeTarget.ReplaceAllStringFunc(b.text, func(line string) string {
			if target := makeTarget.FindStringSubmatch(line)[1]; !strings.Contains(read(t, "../xcaddy.mk"), "\n"+target+":") {
				t.Errorf("%s: make has no target %s", page, target)
			}
			return ""
		})
		s.text += code
		for _, line := range shellCurl.FindAllString(code, -1) {
			e := expectation{line: line}
			if _, says, ok := strings.Cut(line, "  # "); ok {
				e.says = strings.TrimSpace(says)
			} else if _, says, ok := strings.Cut(line, " # "); ok {
				e.says = strings.TrimSpace(says)
			}
			if i+1 < len(found) && found[i+1].language == "json" {
				e.members = membersOf(t, found[i+1].text)
			}
			s.expected = append(s.expected, e)
		}
	}
	return s
}

// inText is the curl lines between the lines of a page.
func inText(t *testing.T, page string) (s script) {
	t.Helper()
	for _, match := range textCurl.FindAllStringSubmatch(prose(read(t, page)), -1) {
		s.text += match[1] + "\n"
		e := expectation{line: match[1]}
		if strings.Contains(match[2], "401") {
			e.says = "401"
		}
		s.expected = append(s.expected, e)
	}
	return s
}

func membersOf(t *testing.T, object string) []string {
	t.Helper()
	var members map[string]any
	if err := json.Unmarshal([]byte(object), &members); err != nil {
		t.Fatalf("%v\n%s", err, object)
	}
	return slices.Sorted(maps.Keys(members))
}

func (e expectation) judge(t *testing.T, a answer) {
	t.Helper()
	switch {
	case regexp.MustCompile(`^\d{3}$`).MatchString(e.says):
		if a.status != e.says {
			t.Errorf("%s\nanswers %s: %s", e.line, a.status, a.body)
		}
	case a.status < "200" || a.status >= "400":
		t.Errorf("%s\nanswers %s: %s", e.line, a.status, a.body)
	case e.says != "" && (a.body == "" || !strings.HasSuffix(e.says, strings.TrimSpace(a.body))):
		t.Errorf("%s\nanswers %q", e.line, a.body)
	}
	if e.members != nil && !slices.Equal(membersOf(t, a.body), e.members) {
		t.Errorf("%s\nanswers with the members %v, the page shows %v", e.line, membersOf(t, a.body), e.members)
	}
}

// builtCaddy names the program to run. Without it this test's own binary is one.
const builtCaddy = "CADDY_WECHAT_TEST_BINARY"

// playing says as what this test's binary was started.
const playing = "CADDY_WECHAT_DOCS_TEST_AS"

func TestMain(m *testing.M) {
	switch os.Getenv(playing) {
	case "caddy":
		caddycmd.Main()
		os.Exit(0)
	case "wechatsim":
		fmt.Println(http.ListenAndServe(os.Args[1], wechattest.New(wechattest.Options{}))) //nolint:gosec // ended by the test
		os.Exit(1)
	}
	os.Exit(m.Run())
}

type answer struct{ status, body string }

// wrapper is the curl that finds api.example.com on this machine and notes each answer. It
// tries again while a server starts and makes its certificate.
const wrapper = `#!/bin/sh
n=$(($(ls "$ANSWERS" | grep -c body) + 1))
n=$(printf %%03d $n)
: > "$ANSWERS/$n.body"
%s -sS --max-time 20 -k --retry-all-errors --retry 60 --retry-delay 1 --retry-max-time 60 --connect-to "api.example.com:443:127.0.0.1:$HTTPS_PORT" -o "$ANSWERS/$n.raw" -w '%%{http_code}\n' "$@" > "$ANSWERS/$n.status" || exit 1
sed '1,/^\r$/{/^HTTP/,/^\r$/d;}' "$ANSWERS/$n.raw" | tee "$ANSWERS/$n.body"
`

// stage starts what a page takes for granted: the simulator, a gateway at
// api.example.com, somebody who is logged in (token.txt), a code and a session's id.
const stage = `cat > Caddyfile <<END
{
	http_port $HTTP_PORT
	https_port $HTTPS_PORT
	local_certs
	skip_install_trust
	wechat {
		app wx0123456789abcdef $SECRET
		api_base http://127.0.0.1:8089
	}
}
api.example.com {
	bind 127.0.0.1
	wechat_auth
	respond hello
}
END
wechatsim > wechatsim.log 2>&1 &
caddy run > caddy.log 2>&1 &
code() { ANSWERS=$HOME curl -s http://127.0.0.1:8089/sim/login -d "{\"openid\":\"$1\"}" | cut -d '"' -f 4; }
login() { ANSWERS=$HOME curl -s https://api.example.com/wechat/login -H 'Content-Type: application/json' -d "{\"code\":\"$(code $1)\"}" | cut -d '"' -f 4; }
login oABC > token.txt
ID=$(login oOther | cut -d . -f 2 | base64 -d 2>/dev/null | grep -o '"jti":"[^"]*' | cut -d '"' -f 4)
CODE=$(code oABC)
`

// run has bash run a script in a directory beside the programs, with ports of its own. A
// page that does not start them itself gets both, and a user who is logged in.
func run(t *testing.T, text string, staged bool) []answer {
	t.Helper()
	dir := t.TempDir()
	curl, err := exec.LookPath("curl")
	if err != nil {
		t.Fatal("curl is missing")
	}
	answers, tools, work := filepath.Join(dir, "answers"), filepath.Join(dir, "tools"), filepath.Join(dir, "checkout")
	for _, d := range []string{answers, tools, work} {
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(tools, "curl"), fmt.Sprintf(wrapper, curl))
	if err := os.Mkdir(filepath.Join(work, "bin"), 0o700); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	caddy := cmp.Or(os.Getenv(builtCaddy), self)
	for _, d := range []string{filepath.Join(work, "bin"), tools} {
		write(t, filepath.Join(d, "caddy"), "#!/bin/sh\n"+playing+"=caddy exec '"+caddy+"' \"$@\"\n")
		write(t, filepath.Join(d, "wechatsim"), "#!/bin/sh\n"+playing+"=wechatsim exec '"+self+"' \"127.0.0.1:$SIM_PORT\"\n")
	}
	ports := make(map[string]string)
	moved := regexp.MustCompile(`\b(localhost|127\.0\.0\.1)(:|", )(2019|3000|8080|8089)\b`)
	if staged {
		text = stage + strings.NewReplacer("0a1b2c", `'"$CODE"'`, "<session id>", `"$ID"`).Replace(text)
	}
	text = moved.ReplaceAllStringFunc(text, func(at string) string {
		match := moved.FindStringSubmatch(at)
		if ports[match[3]] == "" {
			ports[match[3]] = fmt.Sprint(freePort(t))
		}
		return match[1] + match[2] + ports[match[3]]
	})
	for _, port := range []string{"2019", "8089", "443", "80"} {
		if ports[port] == "" {
			ports[port] = fmt.Sprint(freePort(t))
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-c", "set -eum\ntrap 'kill $(jobs -p) 2>/dev/null; wait' EXIT\n"+text)
	cmd.Dir = work
	cmd.Env = append(os.Environ(), "PATH="+tools+":"+os.Getenv("PATH"), "ANSWERS="+answers, "HOME="+dir, "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir,
		"CADDY_ADMIN=localhost:"+ports["2019"], "SIM_PORT="+ports["8089"], "HTTPS_PORT="+ports["443"], "HTTP_PORT="+ports["80"], "SECRET="+rand.Text())
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Run(); err != nil {
		t.Errorf("%v\n%s\n%s", err, text, out.String())
	}
	statuses, err := filepath.Glob(filepath.Join(answers, "*.status"))
	if err != nil {
		t.Fatal(err)
	}
	var found []answer
	for _, name := range statuses {
		found = append(found, answer{
			status: strings.TrimSpace(read(t, name)),
			body:   read(t, strings.TrimSuffix(name, "status")+"body"),
		})
	}
	return found
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
}
