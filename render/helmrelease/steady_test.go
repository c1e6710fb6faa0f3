package helmrelease

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/source"
)

const randomTemplate = configMap + `data:
{{- $ca := genCA "ca" 10 }}
{{- $cert := genSignedCert "web" (list "127.0.0.1") (list "web.local") 10 $ca }}
{{- $self := genSelfSignedCertWithKey "self" nil nil 10 (genPrivateKey "ecdsa") }}
  alphaNum: {{ randAlphaNum 12 | quote }}
  again: {{ randAlphaNum 12 | quote }}
  alpha: {{ randAlpha 5 | quote }}
  numeric: {{ randNumeric 6 | quote }}
  ascii: {{ randAscii 4 | len | quote }}
  bytes: {{ randBytes 8 | b64dec | len | quote }}
  int: {{ randInt 5 6 | quote }}
  uuid: {{ uuidv4 | quote }}
  now: {{ now | date "2006-01-02T15:04:05Z07:00" | quote }}
  ago: {{ now | date_modify "-1h" | ago | quote }}
  htpasswd: {{ htpasswd "user" "secret" | quote }}
  aes: {{ encryptAES "key" "text" | decryptAES "key" | quote }}
  shuffle: {{ shuffle "aaaa" | quote }}
  derived: {{ derivePassword 1 "long" "a" "b" "c" | quote }}
  rsa: {{ genPrivateKey "rsa" | quote }}
  ed: {{ genPrivateKey "ed25519" | quote }}
  ca: {{ $ca.Cert | quote }}
  cert: {{ $cert.Cert | quote }}
  key: {{ $cert.Key | quote }}
  self: {{ $self.Cert | quote }}
  selfKey: {{ $self.Key | quote }}
  custom: {{ (buildCustomCert (b64enc $cert.Cert) (b64enc $cert.Key)).Cert | quote }}
`

func randomData(t *testing.T, chart source.Chart) map[string]string {
	t.Helper()
	got := New(Options{}).Render(t.Context(), input(simple(t, ""), cluster{}, sources{charts: map[string]source.Chart{"demo": chart}}))
	if got.State != render.Rendered {
		t.Fatal(got.Ready.Message)
	}
	data, _, err := unstructured.NestedStringMap(got.Applies[0].Object, "data")
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestRandomFunctions(t *testing.T) {
	first := randomData(t, chart(t, map[string]string{"templates/cm.yaml": randomTemplate}))
	second := randomData(t, chart(t, map[string]string{"templates/cm.yaml": "# changed\n" + randomTemplate}))
	if diff := cmp.Diff(first, second); diff != "" {
		t.Errorf("two renders differ, also of another version of the chart:\n%s", diff)
	}
	for key, pattern := range map[string]string{
		"alphaNum": `^[a-zA-Z0-9]{12}$`, "alpha": `^[a-zA-Z]{5}$`, "numeric": `^[0-9]{6}$`, "ascii": `^4$`, "bytes": `^8$`, "int": `^5$`,
		"uuid": `^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`,
		"now":  `^2026-01-01T00:00:00Z$`, "ago": `^1h0m0s$`, "htpasswd": `^user:\$2a\$10\$[./a-zA-Z0-9]{53}$`, "aes": `^text$`, "shuffle": `^aaaa$`,
		"derived": `^.{14}$`, "rsa": `^-----BEGIN RSA PRIVATE KEY-----\n`, "ed": `^-----BEGIN PRIVATE KEY-----\n`,
	} {
		if !regexp.MustCompile(pattern).MatchString(first[key]) {
			t.Errorf("%s is %q", key, first[key])
		}
	}
	if first["alphaNum"] == first["again"] {
		t.Errorf("the same call twice gives the same value")
	}
	if first["custom"] != first["cert"] {
		t.Errorf("buildCustomCert changes the certificate")
	}
}

func TestRandomCertificates(t *testing.T) {
	data := randomData(t, chart(t, map[string]string{"templates/cm.yaml": randomTemplate}))
	if _, err := tls.X509KeyPair([]byte(data["selfKey"]), []byte(data["selfKey"])); err == nil {
		t.Fatal("a key is no certificate")
	}
	for cert, key := range map[string]string{"cert": "key", "self": "selfKey"} {
		if _, err := tls.X509KeyPair([]byte(data[cert]), []byte(data[key])); err != nil {
			t.Errorf("%s: %v", cert, err)
		}
	}
	parse := func(text string) *x509.Certificate {
		block, _ := pem.Decode([]byte(text))
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	leaf, ca := parse(data["cert"]), parse(data["ca"])
	if err := leaf.CheckSignatureFrom(ca); err != nil {
		t.Errorf("the certificate is not signed by its authority: %v", err)
	}
	if leaf.Subject.CommonName != "web" || leaf.DNSNames[0] != "web.local" || !leaf.IPAddresses[0].IsLoopback() || !ca.IsCA {
		t.Errorf("certificate %+v", leaf.Subject)
	}
}
