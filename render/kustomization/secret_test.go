package kustomization

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flux-rehearse/flux-rehearse/render"
)

// encrypted has the form of a SOPS file; nothing can decrypt it.
const encrypted = `apiVersion: v1
kind: Secret
metadata:
  name: s
stringData:
  a: ENC[AES256_GCM,data:YQ==,iv:YQ==,tag:YQ==,type:str]
  n: ENC[AES256_GCM,data:YQ==,iv:YQ==,tag:YQ==,type:int]
sops:
  pgp:
  - fp: ABCDEF
    created_at: "2026-01-01T00:00:00Z"
    enc: x
  lastmodified: "2026-01-01T00:00:00Z"
  mac: ENC[AES256_GCM,data:YQ==,iv:YQ==,tag:YQ==,type:str]
  version: 3.9.0
`

func TestEncryptedWithoutKeys(t *testing.T) {
	decryption := "  decryption:\n    provider: sops\n    secretRef: {name: keys}\n"
	tests := map[string]struct {
		reason    string
		flux      string
		encrypted bool
		content   any
		problems  []string
	}{
		"keys elsewhere": {
			reason: "placeholders of the right type, and the content counts as unknown",
			flux:   ownerFile + decryption, encrypted: true,
			content:  map[string]any{"a": "notdecryptedcf950f3e", "n": int64(1)},
			problems: []string{"decryption-secret-not-local ks.yaml:13:23", "secret-encrypted app/s.yaml:9:3"},
		},
		"no decryption": {
			reason:   "the controller applies the encrypted text",
			flux:     ownerFile,
			content:  map[string]any{"a": "ENC[AES256_GCM,data:YQ==,iv:YQ==,tag:YQ==,type:str]", "n": "ENC[AES256_GCM,data:YQ==,iv:YQ==,tag:YQ==,type:int]"},
			problems: []string{"sops-without-decryption app/s.yaml:9:3"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := newFleet(t, map[string]string{"ks.yaml": test.flux, "app/s.yaml": encrypted}).render()
			if got.State != render.Rendered || len(got.Applies) != 1 {
				t.Fatalf("%s: %s %s", test.reason, got.State, got.Ready.Message)
			}
			if o := got.Applies[0]; o.Origin.Encrypted != test.encrypted || cmp.Diff(test.content, o.Object["stringData"]) != "" {
				t.Errorf("%s: encrypted %v, %v", test.reason, o.Origin.Encrypted, o.Object["stringData"])
			}
			if diff := cmp.Diff(test.problems, lines(got.Problems)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", test.reason, diff)
			}
		})
	}
}
