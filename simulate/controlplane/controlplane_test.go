package controlplane

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"
)

func TestMain(m *testing.M) {
	if code, ran := Main(); ran {
		os.Exit(code)
	}
	if os.Getenv("CONTROLPLANE_TEST_OWNER") != "" {
		owner()
	}
	os.Exit(m.Run())
}

// owner starts a plane, says where, and waits to be killed.
func owner() {
	p, err := Start(context.Background(), Options{Dir: os.Getenv("CONTROLPLANE_TEST_OWNER")})
	if err != nil {
		os.Stdout.WriteString(err.Error() + "\n")
		os.Exit(1)
	}
	os.Stdout.WriteString("serving " + p.folder.path + "\n")
	time.Sleep(time.Hour)
}

func TestNoGlobalFlags(t *testing.T) {
	// cobra adds the flags of pflag.CommandLine to every root command.
	pflag.CommandLine.VisitAll(func(f *pflag.Flag) { t.Errorf("flag %q is global", f.Name) })
}

func TestEmbeddedVersionIsThatOfTheModule(t *testing.T) {
	mod, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	if want := "k8s.io/kubernetes " + EmbeddedVersion + "\n"; !strings.Contains(string(mod), want) {
		t.Errorf("go.mod does not require %q", want)
	}
}

// verdict is what the server says to one object.
type verdict struct {
	reason  string
	as      string // user to impersonate
	object  string
	want    metav1.StatusReason // "" when the object is accepted
	message string              // part of the message of a refusal
}

var verdicts = []verdict{
	{reason: "a plain object is stored", object: `
{apiVersion: v1, kind: ConfigMap, metadata: {name: plain, namespace: default}, data: {a: b}}`},
	{reason: "validation is the server's own", want: metav1.StatusReasonInvalid, message: "spec.ports: Required value", object: `
{apiVersion: v1, kind: Service, metadata: {name: portless, namespace: default}, spec: {selector: {a: b}}}`},
	{reason: "the service range is a wide one", object: `
{apiVersion: v1, kind: Service, metadata: {name: dns, namespace: default}, spec: {clusterIP: 10.43.0.10, ports: [{port: 53}]}}`},
	{reason: "service accounts need no controller", object: `
{apiVersion: v1, kind: Pod, metadata: {name: pod, namespace: default}, spec: {containers: [{name: c, image: i}]}}`},
	{reason: "CRDs compile their CEL rules", object: `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: things.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {kind: Thing, plural: things}
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            properties: {size: {type: integer}}
            x-kubernetes-validations:
            - {rule: self.size < 3, message: size is too big}`},
	{reason: "CEL rules of a CRD refuse", want: metav1.StatusReasonInvalid, message: "size is too big", object: `
{apiVersion: example.com/v1, kind: Thing, metadata: {name: big, namespace: default}, spec: {size: 5}}`},
	{reason: "policies are served", object: `
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: named}
spec:
  matchConstraints:
    resourceRules:
    - {apiGroups: [""], apiVersions: [v1], resources: [configmaps], operations: [CREATE]}
  validations:
  - {expression: "!object.metadata.name.startsWith('bad')", message: the name is bad}`},
	{reason: "policies are bound", object: `
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: named}
spec: {policyName: named, validationActions: [Deny]}`},
	{reason: "bound policies deny", want: metav1.StatusReasonInvalid, message: "the name is bad", object: `
{apiVersion: v1, kind: ConfigMap, metadata: {name: bad, namespace: default}}`},
	{reason: "mutating policies are served", object: `
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicy
metadata: {name: labelled}
spec:
  reinvocationPolicy: Never
  matchConstraints:
    resourceRules:
    - {apiGroups: [""], apiVersions: [v1], resources: [secrets], operations: [CREATE]}
  mutations:
  - patchType: JSONPatch
    jsonPatch: {expression: "[JSONPatch{op: 'add', path: '/metadata/labels', value: {'a': 'b'}}]"}`},
	{reason: "a service account without a role may nothing", as: "system:serviceaccount:default:tenant",
		want: metav1.StatusReasonForbidden, message: `cannot create resource "configmaps"`, object: `
{apiVersion: v1, kind: ConfigMap, metadata: {name: tenant, namespace: default}}`},
	{reason: "a namespace takes Pod security labels", object: `
{apiVersion: v1, kind: Namespace, metadata: {name: strict, labels: {pod-security.kubernetes.io/enforce: restricted}}}`},
	{reason: "Pod security refuses", want: metav1.StatusReasonForbidden, message: "violates PodSecurity", object: `
{apiVersion: v1, kind: Pod, metadata: {name: pod, namespace: strict}, spec: {containers: [{name: c, image: i, securityContext: {privileged: true}}]}}`},
	{reason: "a webhook is stored", object: `
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: nobody}
webhooks:
- name: nobody.example.com
  clientConfig: {service: {name: nobody, namespace: default}}
  admissionReviewVersions: [v1]
  sideEffects: None
  failurePolicy: Fail
  rules: [{apiGroups: ["*"], apiVersions: ["*"], resources: ["*"], operations: ["*"]}]`},
	{reason: "no webhook is called", object: `
{apiVersion: v1, kind: ConfigMap, metadata: {name: webhookless, namespace: default}}`},
	{reason: "a quota is stored", object: `
{apiVersion: v1, kind: ResourceQuota, metadata: {name: none, namespace: default}, spec: {hard: {count/configmaps: "1"}}}`},
	{reason: "nobody counts quota usage, so it refuses nothing", object: `
{apiVersion: v1, kind: ConfigMap, metadata: {name: over-quota, namespace: default}}`},
}

func TestPlane(t *testing.T) {
	parent := t.TempDir()
	begin := time.Now()
	p, err := Start(t.Context(), Options{Dir: parent})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Stop() })
	t.Logf("serving after %s", time.Since(begin).Round(time.Millisecond))
	if v := p.Version(); os.Getenv("KUBEBUILDER_ASSETS") == "" && (v.Kubernetes != EmbeddedVersion || !v.Embedded) {
		t.Errorf("version is %+v, want the embedded %s", v, EmbeddedVersion)
	}
	for _, v := range verdicts {
		t.Run(v.reason, func(t *testing.T) { v.check(t, p.Config()) })
	}
	if p.Err() != nil {
		t.Errorf("a serving plane has the error %v", p.Err())
	}
	begin = time.Now()
	if err := p.Stop(); err != nil {
		t.Error(err)
	}
	t.Logf("stopped after %s", time.Since(begin).Round(time.Millisecond))
	if err := p.Stop(); err != nil {
		t.Errorf("a second Stop fails: %v", err)
	}
	if p.Err() != nil {
		t.Errorf("a stopped plane has the error %v", p.Err())
	}
	nothingLeft(t, parent)
}

func (v verdict) check(t *testing.T, config *rest.Config) {
	config.Impersonate.UserName = v.as
	var last error
	// Policies and CRDs take effect a moment after they are stored.
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		last = create(t, config, v.object)
		switch {
		case v.want == "" && last == nil:
			return
		case v.want != "" && apierrors.ReasonForError(last) == v.want && strings.Contains(last.Error(), v.message):
			return
		case v.want != "" && last == nil:
			remove(t, config, v.object)
		}
	}
	t.Errorf("the server says %v, want %q %q", last, v.want, v.message)
}

func client(t *testing.T, config *rest.Config, object string) (dynamic.ResourceInterface, *unstructured.Unstructured) {
	t.Helper()
	c, err := dynamic.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	u := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(object), &u.Object); err != nil {
		t.Fatal(err)
	}
	gvk := u.GroupVersionKind()
	plural := strings.ToLower(gvk.Kind) + "s"
	if strings.HasSuffix(plural, "ys") {
		plural = strings.TrimSuffix(plural, "ys") + "ies"
	}
	r := c.Resource(schema.GroupVersionResource{Group: gvk.Group, Version: gvk.Version, Resource: plural})
	if u.GetNamespace() != "" {
		return r.Namespace(u.GetNamespace()), u
	}
	return r, u
}

func create(t *testing.T, config *rest.Config, object string) error {
	c, u := client(t, config, object)
	_, err := c.Create(t.Context(), u, metav1.CreateOptions{})
	return err
}

func remove(t *testing.T, config *rest.Config, object string) {
	c, u := client(t, config, object)
	if err := c.Delete(t.Context(), u.GetName(), metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
}

// nothingLeft fails when a process still runs from below parent, or a file is left there.
func nothingLeft(t *testing.T, parent string) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for time.Now().Before(deadline) && (len(processes(t, parent)) > 0 || len(files(t, parent)) > 0) {
		time.Sleep(20 * time.Millisecond)
	}
	if left := processes(t, parent); len(left) > 0 {
		t.Errorf("processes are left: %q", left)
	}
	if left := files(t, parent); len(left) > 0 {
		t.Errorf("files are left: %q", left)
	}
}

func files(t *testing.T, dir string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func processes(t *testing.T, dir string) []string {
	t.Helper()
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, line := range lines {
		data, err := os.ReadFile(line)
		if err == nil && strings.HasPrefix(string(data), dir) {
			found = append(found, string(data))
		}
	}
	return found
}

func TestDeadOwnerLeavesNothing(t *testing.T) {
	parent := t.TempDir()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "CONTROLPLANE_TEST_OWNER="+parent)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 4096)
	n, err := out.Read(buf)
	if err != nil || !strings.HasPrefix(string(buf[:n]), "serving "+parent) {
		t.Fatalf("the owner says %q (%v)", buf[:n], err)
	}
	if len(processes(t, parent)) != 2 {
		t.Errorf("processes are %q, want two", processes(t, parent))
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	nothingLeft(t, parent)
}

func TestDeadProgramIsTold(t *testing.T) {
	parent := t.TempDir()
	p, err := Start(t.Context(), Options{Dir: parent})
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("kill", "-9", pidOf(t, p.folder.program(apiServerName))).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	select {
	case <-p.Done():
	case <-time.After(10 * time.Second):
		t.Fatal("nothing tells that the API server is dead")
	}
	if err := p.Err(); err == nil || !strings.Contains(err.Error(), "kube-apiserver has ended") {
		t.Errorf("the error is %v", err)
	}
	if err := p.Stop(); err != nil {
		t.Error(err)
	}
	nothingLeft(t, parent)
}

func TestHangingProgramIsTold(t *testing.T) {
	for _, name := range []string{apiServerName, etcdName} {
		t.Run(name, func(t *testing.T) {
			parent := t.TempDir()
			p, err := Start(t.Context(), Options{Dir: parent, silence: time.Second})
			if err != nil {
				t.Fatal(err)
			}
			if out, err := exec.Command("kill", "-STOP", pidOf(t, p.folder.program(name))).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			select {
			case <-p.Done():
			case <-time.After(time.Minute):
				t.Fatal("nothing tells that the program hangs")
			}
			if err := p.Err(); err == nil || !strings.HasPrefix(err.Error(), name+" does not answer for 1s") {
				t.Errorf("the error is %v", err)
			}
			if err := p.Stop(); err != nil {
				t.Error(err)
			}
			nothingLeft(t, parent)
		})
	}
}

func pidOf(t *testing.T, program string) string {
	t.Helper()
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range lines {
		if data, err := os.ReadFile(line); err == nil && strings.HasPrefix(string(data), program+"\x00") {
			return filepath.Base(filepath.Dir(line))
		}
	}
	t.Skip("without /proc no process is found here")
	return ""
}

func TestCancelledStartLeavesNothing(t *testing.T) {
	parent := t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), 600*time.Millisecond)
	defer cancel()
	if _, err := Start(ctx, Options{Dir: parent}); err == nil || !strings.Contains(err.Error(), context.DeadlineExceeded.Error()) {
		t.Errorf("the error is %v, want the deadline's", err)
	}
	nothingLeft(t, parent)
}

func TestSweepRemovesFoldersWithoutOwner(t *testing.T) {
	parent := t.TempDir()
	dead, err := newFolder(parent, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := dead.disown(); err != nil {
		t.Fatal(err)
	}
	living, err := newFolder(parent, "")
	if err != nil {
		t.Fatal(err)
	}
	if left := files(t, parent); len(left) != 1 || left[0] != living.path {
		t.Errorf("folders are %q, want only %q", left, living.path)
	}
	if err := living.remove(); err != nil {
		t.Fatal(err)
	}
}
