// options_test.go: configuration.md names every option that the code has, and no other.

package docs

import (
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/localstore"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/memorystore"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/redisstore"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/wechat"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/wechatapi"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/wechatauth"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/wechatcheck"
	"github.com/caddy-wechat/caddy-wechat/caddymodule/wechatpush"
)

const (
	global = "{\n wechat {\n app wx0123456789abcdef secret\n%s\n }\n}\n"
	site   = "{\n wechat {\n app wx0123456789abcdef secret\n app wxfedcba9876543210 secret official {\n push Token123\n }\n token {\n algorithm ES256\n }\n }\n}\nexample.com {\n%s\n}\n"
	check  = "{\n wechat {\n app wx0123456789abcdef secret\n app wxfedcba9876543210 secret official\n token {\n algorithm ES256\n }\n }\n}\nhttp://:9180 {\n%s\n}\n"
)

// sections are the tables of the page: a Caddyfile in which %s is the option, and the
// JSON that it ends in.
var sections = map[string]struct {
	caddyfile string
	json      any
}{
	"wechat":       {global, wechat.App{}},
	"app":          {"{\n wechat {\n app wxfedcba9876543210 secret official {\n%s\n }\n }\n}\n", wechat.Program{}},
	"token":        {fmt.Sprintf(global, "token {\n%s\n }"), wechat.TokenConfig{}},
	"store local":  {fmt.Sprintf(global, "store local {\n%s\n }"), localstore.Store{}},
	"store memory": {fmt.Sprintf(global, "store memory {\n%s\n }"), memorystore.Store{}},
	"store redis":  {fmt.Sprintf(global, "store redis rediss://host {\n%s\n }"), redisstore.Store{}},
	"wechat_auth":  {fmt.Sprintf(site, "wechat_auth {\n%s\n }"), wechatauth.Handler{}},
	"web_login":    {fmt.Sprintf(site, "wechat_auth {\n app *\n web_login {\n%s\n }\n }"), wechatauth.WebLogin{}},
	"wechat_check": {fmt.Sprintf(check, "wechat_check {\n%s\n }"), wechatcheck.Handler{}},
	"wechat_api":   {fmt.Sprintf(site, "wechat_api {\n%s\n }"), wechatapi.Handler{}},
	"wechat_push":  {fmt.Sprintf(site, "wechat_push {\n%s\n }"), wechatpush.Handler{}},
}

// beside are lines that an example needs so that it can be meant.
var beside = map[string]string{
	"wechat_auth": "app *", "wechat_check": "app *", "wechat_api": "key a-secret-of-thirty-two-characters",
	"store redis/master": "mode sentinel", "store redis/sentinel_auth": "mode sentinel\nmaster primary",
}

func adapt(text string) error {
	_, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(text), nil)
	return err
}

// optionsOf asks the code: an option that nobody knows is answered with those there are.
func optionsOf(t *testing.T, name string) []string {
	t.Helper()
	text := fmt.Sprintf(sections[name].caddyfile, strings.Join([]string{beside[name], "no_such_option"}, "\n"))
	err := adapt(text)
	if err == nil {
		t.Fatalf("%s: an unknown option is taken", name)
	}
	match := regexp.MustCompile(`there (?:is|are) ([a-z_, ]+)`).FindStringSubmatch(err.Error())
	if match == nil {
		t.Fatalf("%s: no list of options in %q", name, err)
	}
	list := strings.TrimSuffix(strings.TrimSpace(match[1]), ", at")
	return strings.FieldsFunc(strings.ReplaceAll(list, " and ", ","), func(r rune) bool { return r == ',' || r == ' ' })
}

// tagsOf are the names in JSON, those of small structs with a dot.
func tagsOf(v reflect.Type, under string) []string {
	var names []string
	for field := range v.Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name == "" || name == "-" {
			continue
		}
		switch field.Type {
		case reflect.TypeFor[*wechat.Push](), reflect.TypeFor[*wechat.LoginRate](), reflect.TypeFor[*wechat.Assertion]():
			names = append(names, tagsOf(field.Type.Elem(), under+name+".")...)
		default:
			names = append(names, under+name)
		}
	}
	return names
}

var code = regexp.MustCompile("`([^`]+)`")

func TestEveryOption(t *testing.T) {
	for _, page := range []string{"configuration.md", "configuration" + chinese} {
		parts := strings.Split(read(t, page), "<!-- options: ")[1:]
		seen := map[string]bool{}
		for _, part := range parts {
			name, rest, _ := strings.Cut(part, " -->")
			section, ok := sections[name]
			if !ok {
				t.Errorf("%s: the test does not know the section %q", page, name)
				continue
			}
			seen[name] = true
			options, tags := map[string]bool{}, map[string]bool{}
			for line := range strings.Lines(rest) {
				if strings.HasPrefix(line, "#") {
					break
				}
				cells := strings.Split(strings.ReplaceAll(strings.TrimSpace(line), `\|`, "¦"), "|")
				if len(cells) != 7 || !strings.Contains(cells[1], "`") {
					continue
				}
				option := strings.Fields(code.FindStringSubmatch(cells[1])[1])[0]
				for _, tag := range code.FindAllStringSubmatch(cells[5], -1) {
					tags[tag[1]] = true
				}
				if strings.HasPrefix(option, "<") { // an argument of the line itself
					continue
				}
				options[option] = true
				for _, example := range code.FindAllStringSubmatch(cells[4], -1) {
					lines := []string{example[1]}
					if also := beside[name+"/"+option]; also != "" {
						lines = append([]string{also}, lines...)
					}
					if also := beside[name]; also != "" && !strings.HasPrefix(also, option+" ") {
						lines = append([]string{also}, lines...)
					}
					if err := adapt(fmt.Sprintf(section.caddyfile, strings.Join(lines, "\n"))); err != nil {
						t.Errorf("%s, %s, example %s: %v", page, name, example[1], err)
					}
				}
			}
			same(t, page+", "+name+", options", slices.Collect(maps.Keys(options)), optionsOf(t, name))
			same(t, page+", "+name+", JSON", slices.Collect(maps.Keys(tags)), tagsOf(reflect.TypeOf(section.json), ""))
		}
		for name := range sections {
			if !seen[name] {
				t.Errorf("%s has no table for %s", page, name)
			}
		}
	}
}

func same(t *testing.T, what string, written, there []string) {
	t.Helper()
	for _, name := range there {
		if !slices.Contains(written, name) {
			t.Errorf("%s: %s is missing", what, name)
		}
	}
	for _, name := range written {
		if !slices.Contains(there, name) {
			t.Errorf("%s: %s is not in the code", what, name)
		}
	}
}
