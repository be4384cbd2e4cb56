// version.go: which gateway this is.

// Package version tells which version of the gateway a binary has: Caddy's own version
// says nothing of its modules.
package version

import "runtime/debug"

// path is the module that the gateway comes in.
const path = "github.com/caddy-wechat/caddy-wechat"

// String is the version of the gateway in this binary, as the Go module has it, such as
// v1.2.3. For one that was built from a working copy it is (devel), with the commit
// where that is known.
func String() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	return of(info)
}

func of(info *debug.BuildInfo) string {
	const devel = "(devel)"
	for _, dep := range info.Deps {
		if dep.Path != path {
			continue
		}
		if dep.Replace != nil { // a working copy, or somebody's fork
			dep = dep.Replace
		}
		if dep.Version == "" {
			return devel
		}
		return dep.Version
	}
	if info.Main.Path != path {
		return "unknown"
	}
	if info.Main.Version != "" && info.Main.Version != devel {
		return info.Main.Version
	}
	setting := func(key string) string {
		for _, s := range info.Settings {
			if s.Key == key {
				return s.Value
			}
		}
		return ""
	}
	text := devel
	if revision := setting("vcs.revision"); revision != "" {
		text += " " + revision[:min(12, len(revision))]
	}
	if setting("vcs.modified") == "true" {
		text += " modified"
	}
	return text
}
