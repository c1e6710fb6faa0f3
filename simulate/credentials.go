package simulate

import (
	"context"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/source"
)

// credential is a field of a source that names a Secret or ServiceAccount, and
// what source-controller reports when that does not exist.
type credential struct {
	field   []string
	kind    string
	message string // with KEY for namespace and name, NAME, and URL
}

// Secrets that the controllers read by themselves, and through their library.
const (
	notRead  = "KEY': secrets \"NAME\" not found"
	notFound = "secret 'KEY' not found"
)

// credentialsOf are the credentials of each kind of source, in the order in
// which source-controller reads them.
var credentialsOf = map[string][]credential{
	"GitRepository": {
		{[]string{"proxySecretRef", "name"}, "Secret", "failed to configure proxy options: " + notFound},
		{[]string{"secretRef", "name"}, "Secret", "failed to get secret 'KEY': failed to get secret '" + notRead},
	},
	"OCIRepository": {
		{[]string{"secretRef", "name"}, "Secret", "failed to get credential: failed to get secret '" + notRead},
		{[]string{"serviceAccountName"}, "ServiceAccount", "failed to get credential: serviceaccount 'KEY' not found"},
		{[]string{"proxySecretRef", "name"}, "Secret", "failed to get proxy address: " + notFound},
		{[]string{"certSecretRef", "name"}, "Secret", "failed to generate transport for 'URL': " + notFound},
	},
	"HelmRepository": {
		{[]string{"certSecretRef", "name"}, "Secret", "failed to get TLS authentication secret '" + notRead},
		{[]string{"secretRef", "name"}, "Secret", "failed to get authentication secret '" + notRead},
	},
	"Bucket": {
		{[]string{"secretRef", "name"}, "Secret", "failed to get secret '" + notRead},
		{[]string{"sts", "secretRef", "name"}, "Secret", "failed to get STS secret '" + notRead},
		{[]string{"proxySecretRef", "name"}, "Secret", "failed to get proxy URL: " + notFound},
		{[]string{"certSecretRef", "name"}, "Secret", "failed to get TLS config: " + notFound},
		{[]string{"sts", "certSecretRef", "name"}, "Secret", "failed to get STS TLS config: " + notFound},
	},
}

// credentials is the Failure of a source whose credentials are not in the
// cluster. Only where nothing is made by hand, that is known.
func (r *replay) credentials(ctx context.Context, s *subject) *source.Failure {
	if !r.step.input.Settings.Complete {
		return nil
	}
	for _, c := range credentialsOf[s.ref.Kind] {
		name, _, _ := unstructured.NestedString(s.live.Object, append([]string{"spec"}, c.field...)...)
		ref := finding.Ref{Kind: c.kind, Namespace: s.ref.Namespace, Name: name}
		if name == "" || r.cluster.read(ctx, ref) != nil {
			continue
		}
		url, _, _ := unstructured.NestedString(s.live.Object, "spec", "url")
		if c.field[0] == "secretRef" && s.ref.Kind == "OCIRepository" {
			r.event(s.ref, "Normal", "AuthenticationFailed", fmt.Sprintf("auth secret '%s' not found", name))
		}
		return &source.Failure{Condition: "AuthenticationFailed", Problem: finding.Problem{
			Reason: "authentication-failed", Object: s.ref, Field: finding.Pointer(append([]string{"spec"}, c.field...)...),
			Message: strings.NewReplacer("KEY", s.ref.Namespace+"/"+name, "NAME", name, "URL", url).Replace(c.message),
		}}
	}
	return nil
}

// verificationError is the reason of a source whose signature does not verify.
const verificationError = "VerificationError"

// unverified is what source-controller reports of each kind of source when the
// Secret with the keys does not exist, with PROVIDER and NAME.
var unverified = map[string]string{
	"GitRepository": "public keys secret error: secrets \"NAME\" not found",
	"OCIRepository": "failed to verify the signature using provider 'PROVIDER': secrets \"NAME\" not found",
	"HelmChart":     "failed to verify the signature using provider 'PROVIDER': secrets \"NAME\" not found",
}

// verification is the Failure of a source that is to be verified with keys that
// are not in the cluster. Whether a signature is good, nobody knows who does not
// fetch it.
func (r *replay) verification(ctx context.Context, s *subject) *source.Failure {
	text := func(fields ...string) string {
		v, _, _ := unstructured.NestedString(s.live.Object, append([]string{"spec", "verify"}, fields...)...)
		return v
	}
	name := text("secretRef", "name")
	ref := finding.Ref{Kind: "Secret", Namespace: s.ref.Namespace, Name: name}
	message := unverified[s.ref.Kind]
	if message == "" || name == "" || !r.step.input.Settings.Complete || r.cluster.read(ctx, ref) != nil {
		return nil
	}
	return &source.Failure{Condition: verificationError, Problem: finding.Problem{
		Reason: "verification-failed", Object: s.ref, Field: "/spec/verify/secretRef/name",
		Message: strings.NewReplacer("PROVIDER", text("provider"), "NAME", name).Replace(message),
	}}
}
