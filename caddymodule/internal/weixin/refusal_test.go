// refusal_test.go: health hears of a wrong secret, and that it was put right.

package weixin

import (
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

func TestRefusal(t *testing.T) {
	body := ""
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) })
	for _, errcode := range []int{40013, 40125, 40164, 40243} {
		body = fmt.Sprintf(`{"errcode":%d}`, errcode)
		_, err := exchange(t.Context(), c, testCode)
		wantKind(t, err, KindRefused)
		if got, when, ok := c.Refusal(testApp.ID); got != errcode || !ok || time.Since(when) > time.Minute {
			t.Errorf("%d: Refusal = %d, %v, %v", errcode, got, when, ok)
		}
	}
	// What a user does, or another app, takes nothing back and adds nothing.
	for _, other := range []string{`{"errcode":40029}`, `{"errcode":-1}`, `{"errcode":40226}`, `x`} {
		body = other
		_, _ = exchange(t.Context(), c, testCode)
	}
	if got, _, ok := c.Refusal(testApp.ID); got != 40243 || !ok {
		t.Errorf("after other answers: %d, %v", got, ok)
	}
	if _, _, ok := c.Refusal("wx0000000000000000"); ok {
		t.Error("another app is refused")
	}
	body = goodAnswer
	if _, err := exchange(t.Context(), c, testCode); err != nil {
		t.Fatal(err)
	}
	if _, _, ok := c.Refusal(testApp.ID); ok {
		t.Error("still refused after a login")
	}
	body = `{"errcode":40125}`
	slot, err := c.Acquire(t.Context(), CallOAuthToken, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer slot.Release()
	_, err = slot.OAuthToken(t.Context(), testApp, testCode)
	wantKind(t, err, KindRefused)
	if got, _, ok := c.Refusal(testApp.ID); got != 40125 || !ok {
		t.Errorf("an exchange by OAuth: %d, %v", got, ok)
	}
}

func TestRefusalIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, err := New(Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.refusals.note("wx", &Error{Kind: KindRefused, Errcode: 40125})
		time.Sleep(time.Minute - 1)
		if _, _, ok := c.Refusal("wx"); !ok {
			t.Error("forgotten before a minute")
		}
		time.Sleep(1)
		if _, _, ok := c.Refusal("wx"); ok {
			t.Error("told after a minute")
		}
	})
}
