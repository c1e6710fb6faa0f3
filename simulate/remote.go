package simulate

import (
	"context"
	"encoding/base64"
	"fmt"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
)

// remote reports whether the objects of a Flux object belong to another cluster.
func (s *subject) remote() bool {
	_, ok, _ := unstructured.NestedMap(s.live.Object, "spec", "kubeConfig")
	return ok
}

// elsewhere ends an attempt whose objects belong to another cluster: nothing of
// it reaches this one. What hinders the controller before it gets there is known.
func (r *replay) elsewhere(ctx context.Context, s *subject, st *status) error {
	s.mem.reason = "remote-cluster"
	st.set(conditionReady, "Unknown", "Unknown", "its objects belong to the cluster of spec.kubeConfig, which is not replayed")
	return r.conclude(ctx, s, st, phaseUnknown)
}

// remoteRelease replays a HelmRelease as far as this cluster decides on it: its
// values and chart, and the way to the other cluster.
func (r *replay) remoteRelease(ctx context.Context, s *subject) error {
	result := r.render(ctx, s)
	reason, message := result.Ready.Reason, result.Ready.Message
	if result.State != render.Failed || !slices.Contains([]string{"ValuesError", "ArtifactFailed", "ChartMutateError"}, reason) {
		reason, message = "RESTClientError", r.kubeConfigError(ctx, s)
	}
	st := statusOf(s.live)
	if message == "" {
		return r.elsewhere(ctx, s, st)
	}
	s.mem.reason = kebab(reason)
	if reason != "RESTClientError" {
		s.mem.reason = result.Reason
	}
	st.set(conditionReady, "False", reason, message)
	return r.conclude(ctx, s, st, phaseFailed)
}

// kubeConfigError says why the controller cannot reach the other cluster, as it
// words it, and is empty where it may: the content may not be known here, and
// nothing is called.
func (r *replay) kubeConfigError(ctx context.Context, s *subject) string {
	of, _, _ := unstructured.NestedMap(s.live.Object, "spec", "kubeConfig")
	secret, _ := of["secretRef"].(map[string]any)
	ref := finding.Ref{Kind: "Secret", Namespace: s.ref.Namespace, Name: text(secret["name"])}
	if secret == nil {
		m, _ := of["configMapRef"].(map[string]any)
		ref.Kind, ref.Name = "ConfigMap", text(m["name"])
	}
	if ref.Name == "" || r.unsure(ref) {
		return ""
	}
	u, err := r.cluster.find(ctx, ref)
	release := s.ref.Kind == helmReleaseKind.Kind
	id := ref.Namespace + "/" + ref.Name
	switch {
	case err == nil && ref.Kind == "Secret":
		return kubeConfigMistake(u, text(secret["key"]), release)
	case err == nil || !absent(err) || !r.handMade(ref.Kind):
		return ""
	case ref.Kind == "ConfigMap":
		return fmt.Sprintf("failed to get configmap %s: %v", id, err)
	case release:
		return fmt.Sprintf("could not get KubeConfig secret '%s': %v", id, err)
	}
	return fmt.Sprintf("unable to read KubeConfig secret '%s' error: %v", id, err)
}

// handMade reports whether the user says what is made by hand of a kind: the
// rest does not exist.
func (r *replay) handMade(kind string) bool {
	return r.step.input.Settings.Complete || slices.ContainsFunc(r.opts.Live, func(u *unstructured.Unstructured) bool {
		return u.GetKind() == kind && u.GetAPIVersion() == "v1"
	})
}

// kubeConfigMistake says what is wrong with the content of a Secret, empty for nothing.
func kubeConfigMistake(secret *unstructured.Unstructured, key string, release bool) string {
	data, _, _ := unstructured.NestedStringMap(secret.Object, "data")
	id := secret.GetNamespace() + "/" + secret.GetName()
	named := key
	if key == "" {
		key = "value"
		if _, ok := data[key]; !ok {
			key = "value.yaml"
		}
	}
	value, ok := data[key]
	content, err := base64.StdEncoding.DecodeString(value)
	switch {
	case err != nil:
		return ""
	case !ok && release && named == "":
		return fmt.Sprintf("KubeConfig secret '%s' does not contain a 'value' or 'value.yaml' key with data", id)
	case !ok && release:
		return fmt.Sprintf("KubeConfig secret '%s' does not contain a '%s' key with data", id, named)
	case !ok && named == "":
		return fmt.Sprintf("KubeConfig secret '%s' does not contain a 'value' key with a kubeconfig", id)
	case !ok:
		return fmt.Sprintf("KubeConfig secret '%s' does not contain a '%s' key with a kubeconfig", id, named)
	case release:
		if _, err := clientcmd.RESTConfigFromKubeConfig(content); err != nil {
			return fmt.Sprintf("failed to load KubeConfig from secret '%s': %v", id, err)
		}
		return ""
	}
	if err := selfContained(content); err != nil {
		return fmt.Sprintf("invalid KubeConfig in secret '%s': %v", id, err)
	}
	return ""
}

// selfContained is why kustomize-controller does not take a kubeconfig.
func selfContained(content []byte) error {
	c, err := clientcmd.Load(content)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(c.Clusters)) {
		if c.Clusters[name].CertificateAuthority != "" {
			return fmt.Errorf("cluster '%s' references a certificate-authority file, only certificate-authority-data is supported", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.AuthInfos)) {
		switch user := c.AuthInfos[name]; {
		case user.TokenFile != "":
			return fmt.Errorf("user '%s' references a tokenFile, only an inline token is supported", name)
		case user.ClientCertificate != "":
			return fmt.Errorf("user '%s' references a client-certificate file, only client-certificate-data is supported", name)
		case user.ClientKey != "":
			return fmt.Errorf("user '%s' references a client-key file, only client-key-data is supported", name)
		}
	}
	_, err = clientcmd.NewDefaultClientConfig(*c, &clientcmd.ConfigOverrides{}).ClientConfig()
	return err
}
