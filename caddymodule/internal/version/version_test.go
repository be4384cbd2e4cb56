package version

import (
	"runtime/debug"
	"testing"
)

func TestVersion(t *testing.T) {
	main := func(version string, settings ...debug.BuildSetting) *debug.BuildInfo {
		return &debug.BuildInfo{Main: debug.Module{Path: path, Version: version}, Settings: settings}
	}
	dep := func(m *debug.Module) *debug.BuildInfo {
		return &debug.BuildInfo{Main: debug.Module{Path: "caddy", Version: "v9"}, Deps: []*debug.Module{{Path: path + "/client", Version: "v8"}, m}}
	}
	revision := debug.BuildSetting{Key: "vcs.revision", Value: "0123456789abcdef0123"}
	for want, info := range map[string]*debug.BuildInfo{
		"v1.2.3":                        dep(&debug.Module{Path: path, Version: "v1.2.3"}),
		"v1.2.4":                        dep(&debug.Module{Path: path, Version: "v1.0.0", Replace: &debug.Module{Path: "fork", Version: "v1.2.4"}}),
		"(devel)":                       dep(&debug.Module{Path: path, Version: "v1.0.0", Replace: &debug.Module{Path: "../copy"}}),
		"v1.2.5":                        main("v1.2.5", revision),
		"(devel) 0123456789ab":          main("(devel)", revision),
		"(devel) 0123456789ab modified": main("", revision, debug.BuildSetting{Key: "vcs.modified", Value: "true"}),
		"unknown":                       {Main: debug.Module{Path: "other", Version: "v1"}},
	} {
		if got := of(info); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
