package main

import (
	"debug/buildinfo"
	"io"
	"runtime/debug"
	"testing"
)

func TestCheck(t *testing.T) {
	minimums, err := parse(list)
	if err != nil || len(minimums) < 10 {
		t.Fatalf("%d minimums, error %v", len(minimums), err)
	}
	module := func(path, version string) *debug.Module { return &debug.Module{Path: path, Version: version} }
	for _, tt := range []struct {
		name string
		goes string
		deps []*debug.Module
		ok   bool
	}{
		{"good", "go1.26.8", []*debug.Module{module("github.com/golang-jwt/jwt/v5", "v5.3.1"), module("golang.org/x/net", "v0.60.0")}, true},
		{"exactly the least", "go1.26.0", []*debug.Module{module("github.com/golang-jwt/jwt/v5", "v5.2.2")}, true},
		{"experiments", "go1.26.8 X:nodwarf5", nil, true},
		{"others are not judged", "go1.26.8", []*debug.Module{module("example.com/other", "v0.0.1")}, true},
		{"jwt", "go1.26.8", []*debug.Module{module("github.com/golang-jwt/jwt/v5", "v5.2.1")}, false},
		{"caddy", "go1.26.8", []*debug.Module{module("github.com/caddyserver/caddy/v2", "v2.11.1")}, false},
		{"before the least", "go1.26.8", []*debug.Module{module("golang.org/x/net", "v0.38.0-rc.1")}, false},
		{"replaced by an old one", "go1.26.8", []*debug.Module{{
			Path: "golang.org/x/net", Version: "v0.60.0", Replace: module("golang.org/x/net", "v0.10.0"),
		}}, false},
		{"no version", "go1.26.8", []*debug.Module{module("golang.org/x/net", "(devel)")}, false},
		{"old Go", "go1.25.9", nil, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := check(io.Discard, &buildinfo.BuildInfo{GoVersion: tt.goes, Deps: tt.deps}, minimums)
			if (err == nil) != tt.ok {
				t.Errorf("error %v; want ok %v", err, tt.ok)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	for _, line := range []string{"example.com/m", "example.com/m v1.2.3", "example.com/m 1.2.3 no v"} {
		if _, err := parse(line); err == nil {
			t.Errorf("%q is taken", line)
		}
	}
}
