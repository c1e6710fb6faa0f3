package sops_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/flux-rehearse/flux-rehearse/render/kustomization/sops"
	"github.com/flux-rehearse/flux-rehearse/render/kustomization/sops/sopstest"
)

// transit answers as the transit engine of Vault does. Its cipher is a prefix.
func transit(t *testing.T, asked *int) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in struct{ Plaintext, Ciphertext string }
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil || r.Header.Get("X-Vault-Token") != "letmein" {
			http.Error(w, "permission denied", http.StatusForbidden)
			return
		}
		data := map[string]string{"ciphertext": "vault:v1:" + in.Plaintext}
		if strings.HasSuffix(r.URL.Path, "/decrypt/test") {
			*asked++
			data = map[string]string{"plaintext": strings.TrimPrefix(in.Ciphertext, "vault:v1:")}
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"data": data})
	}))
	t.Cleanup(s.Close)
	return s
}

func TestKeyServices(t *testing.T) {
	asked := 0
	server := transit(t, &asked)
	t.Setenv("VAULT_TOKEN", "letmein")
	encrypted := sopstest.Encrypt(t, "a: hunter2\n", sops.YAML, sopstest.For(sopstest.VaultKey(server.URL)))
	for _, tt := range []struct {
		why, address string
		services     bool
		is           error
		asked        int
	}{
		{"nothing is dialled unless asked", server.URL, false, sops.ErrRemote, 0},
		{"a server that the environment does not name sees no token", "https://vault.example.com", true, sops.ErrRemote, 0},
		{"the user's own server", server.URL, true, nil, 1},
	} {
		asked = 0
		t.Setenv("VAULT_ADDR", tt.address)
		plain, err := sops.Keys{Services: tt.services}.Decrypt([]byte(encrypted), sops.YAML, sops.YAML)
		if !errors.Is(err, tt.is) || asked != tt.asked {
			t.Errorf("%s: %v, the server was asked %d times", tt.why, err, asked)
		}
		if tt.is == nil && string(plain.Data) != "a: hunter2\n" {
			t.Errorf("%s: got %q", tt.why, plain.Data)
		}
	}
}
