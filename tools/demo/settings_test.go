// settings_test.go: programs of one demo never get the same port.

package main

import (
	"net"
	"strings"
	"testing"
)

func TestPortsDoNotCollide(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, free, _ := net.SplitHostPort(l.Addr().String())
	l.Close()

	// PORT=8089 make run: the simulator's usual port is free until the gateway starts
	given, err := givenPorts(func(name string) string { return map[string]string{"PORT": free}[name] })
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	got, err := given.choose("simulator", "SIM_PORT", "", free, &out)
	if err != nil {
		t.Fatal(err)
	}
	if want := "Port " + free + " is taken by PORT=" + free + ": the simulator uses port " + got + " this time.\n"; got == free || out.String() != want {
		t.Errorf("with PORT=%s the simulator's port is %s, and %q is said, want %q", free, got, out.String(), want)
	}
	if again, err := given.choose("page", "PAGE_PORT", "", got, &out); err != nil || again == got {
		t.Errorf("the page got the simulator's port %s (%v)", again, err)
	}
	if mine, err := given.choose("gateway", "PORT", free, "8080", &out); err != nil || mine != free {
		t.Errorf("PORT=%s gave %s (%v)", free, mine, err)
	}
}

func TestOnePortForTwo(t *testing.T) {
	for _, env := range []map[string]string{
		{"PORT": "8089", "SIM_PORT": "8089"},
		{"SITE": "http://localhost:8089", "SIM_PORT": "8089"},
		{"CADDY_ADMIN": "localhost:2019", "PORT": "2019"},
		{"BACKEND": "127.0.0.1:3000", "PAGE_PORT": "3000"},
	} {
		_, err := readSettings(func(name string) string { return env[name] }, new(strings.Builder))
		if err == nil || !strings.Contains(err.Error(), "name the same port") {
			t.Errorf("%v: %v, want both named and what to do", env, err)
			continue
		}
		for name, value := range env {
			if !strings.Contains(err.Error(), name+"="+value) {
				t.Errorf("%v: %v does not name %s", env, err, name)
			}
		}
	}
}
