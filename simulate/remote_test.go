package simulate

import (
	"encoding/base64"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func TestKubeConfigMistake(t *testing.T) {
	const good = "{apiVersion: v1, kind: Config, clusters: [{name: c, cluster: {server: 'https://c.test'}}], users: [{name: u, user: {token: t}}], " +
		"contexts: [{name: x, context: {cluster: c, user: u}}], current-context: x}"
	const file = "{apiVersion: v1, kind: Config, clusters: [{name: c, cluster: {server: 'https://c.test', certificate-authority: /etc/ca}}], users: [], " +
		"contexts: [{name: x, context: {cluster: c}}], current-context: x}"
	for _, c := range []struct {
		why, stored, key, content string
		release                   bool
		want                      string
	}{
		{"the default key", "value", "", good, false, ""},
		{"the other default key", "value.yaml", "", good, false, ""},
		{"the key that is named", "config", "config", good, true, ""},
		{"no default key", "config", "", good, false, "KubeConfig secret 'apps/remote' does not contain a 'value' key with a kubeconfig"},
		{"no such key", "value", "config", good, false, "KubeConfig secret 'apps/remote' does not contain a 'config' key with a kubeconfig"},
		{"no default key, for a release", "config", "", good, true, "KubeConfig secret 'apps/remote' does not contain a 'value' or 'value.yaml' key with data"},
		{"no such key, for a release", "value", "config", good, true, "KubeConfig secret 'apps/remote' does not contain a 'config' key with data"},
		{"a file of another machine", "value", "", file, false,
			"invalid KubeConfig in secret 'apps/remote': cluster 'c' references a certificate-authority file, only certificate-authority-data is supported"},
		{"nothing in it", "value", "", "", false,
			"invalid KubeConfig in secret 'apps/remote': invalid configuration: no configuration has been provided, try setting KUBERNETES_MASTER environment variable"},
	} {
		u := made("v1", "Secret", "apps", "remote")
		_ = unstructured.SetNestedField(u.Object, base64.StdEncoding.EncodeToString([]byte(c.content)), "data", c.stored)
		if got := kubeConfigMistake(u, c.key, c.release); got != c.want {
			t.Errorf("%s: %q, want %q", c.why, got, c.want)
		}
	}
}
