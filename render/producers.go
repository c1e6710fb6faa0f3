package render

import (
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/flux-rehearse/flux-rehearse/finding"
)

// Everywhere stands for a namespace in the name of what is made in namespaces
// that the maker does not list.
const Everywhere = "*"

// Anything stands for a name that a template of the maker gives.
const Anything = "*"

// producer is a kind whose controller makes Secrets or ConfigMaps in the cluster.
type producer struct {
	group, kind string
	makes       string   // Secret or ConfigMap
	names       []string // fields that name what is made, dotted, with * for the items of a list; the first that is set
	own         bool     // else it has the name of the object itself, with each of the suffixes
	suffixes    []string
	namespace   string // field that names the namespace, else that of the object
	everywhere  bool   // in namespaces that are not listed
}

// producers holds a row per kind and kind of product.
var producers = []producer{
	{group: "external-secrets.io", kind: "ExternalSecret", makes: "Secret", names: []string{"spec.target.name"}, own: true},
	{group: "external-secrets.io", kind: "ClusterExternalSecret", makes: "Secret", everywhere: true, own: true,
		names: []string{"spec.externalSecretSpec.target.name", "spec.externalSecretName"}},
	{group: "external-secrets.io", kind: "PushSecret", makes: "Secret", names: []string{"spec.data.*.match.remoteRef.remoteKey"}, everywhere: true},
	{group: "bitnami.com", kind: "SealedSecret", makes: "Secret", names: []string{"spec.template.metadata.name"}, own: true},
	{group: "cert-manager.io", kind: "Certificate", makes: "Secret", names: []string{"spec.secretName"}},
	{group: "cert-manager.io", kind: "Issuer", makes: "Secret", names: []string{"spec.acme.privateKeySecretRef.name"}},
	{group: "cert-manager.io", kind: "ClusterIssuer", makes: "Secret", names: []string{"spec.acme.privateKeySecretRef.name"}, everywhere: true},
	{group: "trust.cert-manager.io", kind: "Bundle", makes: "ConfigMap", own: true, everywhere: true},
	{group: "trust.cert-manager.io", kind: "Bundle", makes: "Secret", own: true, everywhere: true},
	{group: "secrets.hashicorp.com", kind: "VaultStaticSecret", makes: "Secret", names: []string{"spec.destination.name"}},
	{group: "secrets.hashicorp.com", kind: "VaultDynamicSecret", makes: "Secret", names: []string{"spec.destination.name"}},
	{group: "secrets.hashicorp.com", kind: "VaultPKISecret", makes: "Secret", names: []string{"spec.destination.name"}},
	{group: "secrets.hashicorp.com", kind: "HCPVaultSecretsApp", makes: "Secret", names: []string{"spec.destination.name"}},
	{group: "onepassword.com", kind: "OnePasswordItem", makes: "Secret", own: true},
	{group: "isindir.github.com", kind: "SopsSecret", makes: "Secret", names: []string{"spec.secretTemplates.*.name"}, own: true},
	{group: "craftypath.github.io", kind: "SopsSecret", makes: "Secret", own: true},
	{group: "infisical.com", kind: "InfisicalSecret", makes: "Secret", names: []string{"spec.managedSecretReference.secretName"}, namespace: "spec.managedSecretReference.secretNamespace"},
	{group: "secrets.infisical.com", kind: "InfisicalSecret", makes: "Secret", namespace: "spec.managedSecretReference.secretNamespace",
		names: []string{"spec.managedSecretReference.secretName", "spec.managedKubeSecretReferences.*.secretName"}},
	{group: "secrets.infisical.com", kind: "InfisicalDynamicSecret", makes: "Secret", names: []string{"spec.managedSecretReference.secretName"}, namespace: "spec.managedSecretReference.secretNamespace"},
	{group: "secrets.doppler.com", kind: "DopplerSecret", makes: "Secret", names: []string{"spec.managedSecret.name"}, namespace: "spec.managedSecret.namespace"},
	{group: "k8s.bitwarden.com", kind: "BitwardenSecret", makes: "Secret", names: []string{"spec.secretName"}},
	{group: "spv.no", kind: "AzureKeyVaultSecret", makes: "Secret", names: []string{"spec.output.secret.name"}},
	{group: "secrets-store.csi.x-k8s.io", kind: "SecretProviderClass", makes: "Secret", names: []string{"spec.secretObjects.*.secretName"}},
	{group: "infra.contrib.fluxcd.io", kind: "Terraform", makes: "Secret", names: []string{"spec.writeOutputsToSecret.name"}},
	{group: "kyverno.io", kind: "ClusterPolicy", makes: "Secret", names: []string{"spec.rules.*.generate.name"}, everywhere: true},
	{group: "kyverno.io", kind: "ClusterPolicy", makes: "ConfigMap", names: []string{"spec.rules.*.generate.name"}, everywhere: true},
	{group: "secretgenerator.mittwald.de", kind: "StringSecret", makes: "Secret", own: true},
	{group: "secretgenerator.mittwald.de", kind: "BasicAuth", makes: "Secret", own: true},
	{group: "secretgen.k14s.io", kind: "Password", makes: "Secret", own: true},
	{group: "postgresql.cnpg.io", kind: "Cluster", makes: "Secret", own: true, suffixes: []string{"-app", "-superuser", "-ca", "-server", "-replication"}},
	{group: "kafka.strimzi.io", kind: "KafkaUser", makes: "Secret", own: true},
	{group: "rabbitmq.com", kind: "RabbitmqCluster", makes: "Secret", own: true, suffixes: []string{"-default-user"}},
	{group: "objectbucket.io", kind: "ObjectBucketClaim", makes: "Secret", own: true},
	{group: "objectbucket.io", kind: "ObjectBucketClaim", makes: "ConfigMap", own: true},
}

// connection is what any object of Crossplane writes.
var connection = producer{makes: "Secret", names: []string{"spec.writeConnectionSecretToRef.name"}, namespace: "spec.writeConnectionSecretToRef.namespace"}

// copied are annotations of a Secret or ConfigMap that make a controller put
// copies of it into other namespaces.
var copied = []string{
	"reflector.v1.k8s.emberstack.com/reflection-auto-enabled",
	"reflector.v1.k8s.emberstack.com/reflection-allowed",
	"replicator.v1.mittwald.de/replicate-to",
	"replicator.v1.mittwald.de/replicate-to-matching",
}

// filled are annotations of a Secret or ConfigMap whose content a controller
// copies from elsewhere.
var filled = []string{"reflector.v1.k8s.emberstack.com/reflects", "replicator.v1.mittwald.de/replicate-from"}

// issuers are annotations that make cert-manager issue a certificate into the
// Secrets of an Ingress.
var issuers = []string{"cert-manager.io/issuer", "cert-manager.io/cluster-issuer", "kubernetes.io/tls-acme"}

// ProducedBy names the Secrets and ConfigMaps that the controller of an object
// makes in the cluster. What is made in namespaces that the object does not list
// has Everywhere for a namespace, what a template names has Anything for a name.
func ProducedBy(u *unstructured.Unstructured) []finding.Ref {
	ref := RefOf(u)
	var out []finding.Ref
	for _, p := range producers {
		if p.group == ref.Group && p.kind == ref.Kind {
			out = append(out, p.products(u)...)
		}
	}
	switch {
	case ref.Group == "" && (ref.Kind == "Secret" || ref.Kind == "ConfigMap"):
		if annotated(u, copied) {
			out = append(out, finding.Ref{Kind: ref.Kind, Namespace: Everywhere, Name: ref.Name})
		}
	case ref.Group == "networking.k8s.io" && ref.Kind == "Ingress":
		if annotated(u, issuers) {
			out = append(out, producer{makes: "Secret", names: []string{"spec.tls.*.secretName"}}.products(u)...)
		}
	case ref.Group != "":
		out = append(out, connection.products(u)...)
	}
	return out
}

func (p producer) products(u *unstructured.Unstructured) []finding.Ref {
	var names []string
	for _, field := range p.names {
		if names = textsAt(u.Object, strings.Split(field, ".")); len(names) > 0 {
			break
		}
	}
	if len(names) == 0 && p.own {
		names = []string{u.GetName()}
		if len(p.suffixes) > 0 {
			names = nil
		}
		for _, suffix := range p.suffixes {
			names = append(names, u.GetName()+suffix)
		}
	}
	namespace := u.GetNamespace()
	if p.namespace != "" {
		if list := textsAt(u.Object, strings.Split(p.namespace, ".")); len(list) > 0 {
			namespace = list[0]
		}
	}
	if p.everywhere || strings.Contains(namespace, "{{") {
		namespace = Everywhere
	}
	var out []finding.Ref
	for _, name := range names {
		if strings.Contains(name, "{{") {
			name = Anything
		}
		out = append(out, finding.Ref{Kind: p.makes, Namespace: namespace, Name: name})
	}
	return out
}

// textsAt returns the texts at a path, in which * stands for every item of a list.
func textsAt(v any, path []string) []string {
	if len(path) == 0 {
		if text, ok := v.(string); ok && text != "" {
			return []string{text}
		}
		return nil
	}
	if path[0] == "*" {
		list, _ := v.([]any)
		var out []string
		for _, item := range list {
			out = append(out, textsAt(item, path[1:])...)
		}
		return out
	}
	m, _ := v.(map[string]any)
	return textsAt(m[path[0]], path[1:])
}

func annotated(u *unstructured.Unstructured, names []string) bool {
	have := u.GetAnnotations()
	for _, name := range names {
		if value, ok := have[name]; ok && value != "" && value != "false" {
			return true
		}
	}
	return false
}

// filledByOthers reports whether the content of an object comes from elsewhere
// in the cluster.
func filledByOthers(u *unstructured.Unstructured) bool {
	return (u.GetKind() == "Secret" || u.GetKind() == "ConfigMap") && annotated(u, filled)
}
