package render_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/flux-rehearse/flux-rehearse/render"
)

func TestProducedBy(t *testing.T) {
	const head = "metadata: {name: own, namespace: apps"
	tests := map[string]struct {
		reason, object string
		want           []string
	}{
		"target":       {"the target names the Secret", "apiVersion: external-secrets.io/v1\nkind: ExternalSecret\n" + head + "}\nspec: {target: {name: made}}\n", []string{"Secret apps/made"}},
		"own name":     {"else it has the name of the object", "apiVersion: external-secrets.io/v1\nkind: ExternalSecret\n" + head + "}\nspec: {}\n", []string{"Secret apps/own"}},
		"everywhere":   {"namespaces are selected by label", "apiVersion: external-secrets.io/v1\nkind: ClusterExternalSecret\nmetadata: {name: own}\nspec: {externalSecretName: made}\n", []string{"Secret */made"}},
		"list":         {"one object makes several", "apiVersion: isindir.github.com/v1alpha3\nkind: SopsSecret\n" + head + "}\nspec: {secretTemplates: [{name: a}, {name: b}]}\n", []string{"Secret apps/a", "Secret apps/b"}},
		"namespace":    {"a field names the namespace", "apiVersion: secrets.doppler.com/v1alpha1\nkind: DopplerSecret\n" + head + "}\nspec: {managedSecret: {name: made, namespace: web}}\n", []string{"Secret web/made"}},
		"outputs":      {"tofu-controller writes outputs", "apiVersion: infra.contrib.fluxcd.io/v1alpha2\nkind: Terraform\n" + head + "}\nspec: {writeOutputsToSecret: {name: made}}\n", []string{"Secret apps/made"}},
		"no outputs":   {"Terraform without outputs makes nothing", "apiVersion: infra.contrib.fluxcd.io/v1alpha2\nkind: Terraform\n" + head + "}\nspec: {}\n", nil},
		"bundle":       {"a Bundle makes either", "apiVersion: trust.cert-manager.io/v1alpha1\nkind: Bundle\nmetadata: {name: own}\n", []string{"ConfigMap */own", "Secret */own"}},
		"connection":   {"any kind of Crossplane", "apiVersion: database.example.org/v1\nkind: Instance\nmetadata: {name: own}\nspec: {writeConnectionSecretToRef: {name: made, namespace: web}}\n", []string{"Secret web/made"}},
		"copies":       {"a copy in every namespace", "apiVersion: v1\nkind: Secret\n" + head + ", annotations: {replicator.v1.mittwald.de/replicate-to: '*'}}\n", []string{"Secret */own"}},
		"no copies":    {"switched off", "apiVersion: v1\nkind: Secret\n" + head + ", annotations: {reflector.v1.k8s.emberstack.com/reflection-auto-enabled: 'false'}}\n", nil},
		"certificate":  {"cert-manager issues for an Ingress", "apiVersion: networking.k8s.io/v1\nkind: Ingress\n" + head + ", annotations: {cert-manager.io/cluster-issuer: le}}\nspec: {tls: [{secretName: made}]}\n", []string{"Secret apps/made"}},
		"database":     {"names with suffixes", "apiVersion: rabbitmq.com/v1beta1\nkind: RabbitmqCluster\n" + head + "}\n", []string{"Secret apps/own-default-user"}},
		"template":     {"a template gives the name", "apiVersion: external-secrets.io/v1\nkind: ExternalSecret\n" + head + "}\nspec: {target: {name: '{{ .x }}'}}\n", []string{"Secret apps/*"}},
		"another kind": {"nothing else makes any", "apiVersion: apps/v1\nkind: Deployment\n" + head + "}\n", nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			u := &unstructured.Unstructured{}
			if err := yaml.Unmarshal([]byte(test.object), &u.Object); err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, ref := range render.ProducedBy(u) {
				got = append(got, ref.Kind+" "+ref.Namespace+"/"+ref.Name)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", test.reason, diff)
			}
		})
	}
}
