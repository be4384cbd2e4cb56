// tls_test.go: encrypted connections, with certificates made here.

package redisstore

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddy-wechat/caddy-wechat/caddymodule/internal/freeport"
)

// authority signs certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string
}

func newAuthority(t *testing.T) *authority {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"},
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, _ := x509.ParseCertificate(der)
	a := &authority{cert: cert, key: key, file: filepath.Join(t.TempDir(), "ca.pem")}
	writePEM(t, a.file, "CERTIFICATE", der)
	return a
}

// issue makes a certificate for a name and an address.
func (a *authority) issue(t *testing.T, name string, ips ...net.IP) (cert, key string) {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		IPAddresses: ips, NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, a.cert, &k.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	kder, _ := x509.MarshalPKCS8PrivateKey(k)
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	writePEM(t, cert, "CERTIFICATE", der)
	writePEM(t, key, "PRIVATE KEY", kder)
	return cert, key
}

func writePEM(t *testing.T, file, kind string, der []byte) {
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestTLS(t *testing.T) {
	t.Parallel()
	ca, stranger := newAuthority(t), newAuthority(t)
	local := net.ParseIP("127.0.0.1")
	cert, key := ca.issue(t, "redis.test", local)
	start := func(auth string) string {
		port := freeport.Take(t)
		startServer(t, "--tls-port", fmt.Sprint(port), "--tls-cert-file", cert, "--tls-key-file", key,
			"--tls-ca-cert-file", ca.file, "--tls-auth-clients", auth)
		return fmt.Sprintf("rediss://127.0.0.1:%d", port)
	}
	open1, strict := start("no"), start("yes")
	clientCert, clientKey := ca.issue(t, "gateway")
	for _, tt := range []struct {
		name, want string
		o          Options
	}{
		{"own authority", "", Options{URLs: []string{open1}, TLSCA: ca.file}},
		{"by name", "", Options{URLs: []string{open1}, TLSCA: ca.file, TLSServerName: "redis.test"}},
		{"client certificate", "", Options{URLs: []string{strict}, TLSCA: ca.file, TLSCert: clientCert, TLSKey: clientKey}},
		{"system's authorities", "TLS", Options{URLs: []string{open1}}},
		{"another authority", "TLS", Options{URLs: []string{open1}, TLSCA: stranger.file}},
		{"another name", "TLS", Options{URLs: []string{open1}, TLSCA: ca.file, TLSServerName: "other.test"}},
		{"no client certificate", "TLS", Options{URLs: []string{strict}, TLSCA: ca.file}},
	} {
		c, err := New(tt.o)
		if tt.want != "" {
			if err == nil && tt.name == "no client certificate" {
				// TLS 1.3 refuses after the handshake; when the reset overtakes the
				// alert, it looks like a server that is away: no store all the same
				if c.Check(ctx) == nil {
					t.Errorf("%s: the store works", tt.name)
				}
				c.Close()
				continue
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%s: New = %v, want an error with %q", tt.name, err, tt.want)
			}
			if err == nil {
				c.Close()
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: New = %v, want nil", tt.name, err)
			continue
		}
		create(t, c, rec(1, 1))
		_, lease := get(t, c, rec(1, 1).Key)
		if err := c.Delete(ctx, rec(1, 1).Key); err != nil || lease.Live() {
			t.Errorf("%s: Delete = %v, the lease lives: %v", tt.name, err, lease.Live())
		}
		c.Close()
	}
}
