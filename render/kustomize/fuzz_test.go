package kustomize

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/fluxcd/pkg/envsubst"
	flux "github.com/fluxcd/pkg/kustomize"
	securefs "github.com/fluxcd/pkg/kustomize/filesys"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/kustomize/api/provider"
	"sigs.k8s.io/yaml"
)

// FuzzSubstitute holds the substitution of an object against the controller's
// own function, and what is said of missing variables against its parser.
func FuzzSubstitute(f *testing.F) {
	for _, seed := range []string{
		"${A}", "${A:=d}", "${N:-${A}}", "$${A} $$", "${A/x/y}", "${A:1:2}", "${#A}", "${A^^}", "${B", "${A-b}", "${.x}", "\"${A}\"", "a\n  b: ${MISSING} ${OTHER:?x}", "${A%%x*}${A##*x}",
		"${A:-1}", "${A:9223372036854775807}", "${A/#x/y}", "${A//(/y}", "${A,}",
	} {
		f.Add(seed, "axb", true, false)
		f.Add(seed, "1\n2", false, true)
	}
	f.Fuzz(func(t *testing.T, text, value string, strict, always bool) {
		if len(text) > 2000 || len(value) > 200 {
			return
		}
		data, err := yaml.Marshal(map[string]any{
			"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "a"}, "data": map[string]any{"k": text, "plain": value},
		})
		if err != nil {
			return
		}
		factory := provider.NewDefaultDepProvider().GetResourceFactory()
		ours, err := factory.FromBytes(data)
		if err != nil {
			return
		}
		object := unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{
			"postBuild": map[string]any{"substitute": map[string]any{"A": value, "B_1": "x"}},
		}}}
		theirs, err := flux.SubstituteVariables(context.Background(), nil, object, ours.DeepCopy(), flux.SubstituteWithStrict(strict), flux.SubstituteWithAlways(always))
		in := SubstituteInput{Object: &object, Strict: strict, Always: always}
		for _, in.Loaded = range []bool{false, true} {
			r := newResource(ours.DeepCopy())
			got := r.Substitute(context.Background(), in)
			if (got == nil) != (err == nil) || got != nil && got.Error() != err.Error() {
				t.Fatalf("loaded %v: %v, the controller says %v", in.Loaded, got, err)
			}
			if err == nil && r.res.MustString() != theirs.MustString() {
				t.Fatalf("loaded %v: %s, the controller has %s", in.Loaded, r.res.MustString(), theirs.MustString())
			}
		}
		checkMissing(t, newResource(ours.DeepCopy()), in)
	})
}

// checkMissing gives every variable that is said to be missing a value, after
// which none may be missing.
func checkMissing(t *testing.T, r *Resource, in SubstituteInput) {
	t.Helper()
	known := map[string]bool{"A": true, "B_1": true}
	for _, name := range r.Missing(context.Background(), in) {
		if known[name] {
			t.Fatalf("%q is said to be missing twice, or has a value", name)
		}
		known[name] = true
	}
	_, err := envsubst.Eval(r.res.MustYaml(), func(name string) (string, bool) { return "", known[name] })
	if err != nil && unset.MatchString(err.Error()) && Parses(r.res.MustYaml()) {
		t.Fatalf("not every missing variable is listed: %v", err)
	}
}

// wild matches what might make kustomize open a connection.
var wild = regexp.MustCompile(`(?i)://|git|gh:|@|http|\\`)

// FuzzPrepare holds the kustomization file that is found or generated, and what
// is built from it, against the controller's own functions on a folder.
func FuzzPrepare(f *testing.F) {
	f.Add("resources: [a.yaml]\nnamePrefix: x-\n", mapFile, "prod", "kind: ConfigMap\nmetadata: {name: x, labels: {a: b}}")
	f.Add("", mapFile+"---\n"+mapFile, "", "")
	f.Add("configMapGenerator:\n- name: g\n  literals: [a=b]\n", "", "n", "")
	f.Add("", "a: b\n", "", "")
	f.Add("resources: [a.yaml]\npatches:\n- {patch: '[{op: add, path: /data, value: {}}]', target: {kind: ConfigMap}}\n", mapFile, "", "[]")
	f.Add("resources: [a.yaml]\nimages: [{name: x, newTag: y}]\nreplicas: [{name: far, count: 2}]\nlabels: [{pairs: {a: b}}]\n", mapFile, "", "")
	f.Fuzz(func(t *testing.T, kustomization, manifest, namespace, patch string) {
		if all := kustomization + manifest + namespace + patch; len(all) > 4000 || wild.MatchString(all) || checkAliases([]byte(all)) != nil {
			return
		}
		files := map[string]string{"app/a.yaml": manifest, "app/sub/b.yaml": strings.ReplaceAll(mapFile, "far", "near")}
		if kustomization != "" {
			files["app/kustomization.yaml"] = kustomization
		}
		spec := map[string]any{}
		if namespace != "" {
			spec["targetNamespace"] = namespace
		}
		if patch != "" {
			spec["patches"] = []any{map[string]any{"patch": patch}}
		}
		object := fluxObject(spec)
		root := artifact(t, files)
		plan, failure := Prepare(Input{Root: root, Path: "app", Object: object})
		var built *Built
		if failure == nil {
			built, failure = plan.Build()
		}

		dir := filepath.Join(artifact(t, files), "app")
		want, err := theirBuild(dir, object)
		if (failure == nil) != (err == nil) {
			t.Fatalf("%v, the controller says %v", failure, err)
		}
		if plan != nil && err == nil {
			written, err := os.ReadFile(filepath.Join(dir, "kustomization.yaml"))
			if err != nil || !bytes.Equal(written, plan.Manifest) {
				t.Fatalf("%v: %s, the controller writes %s", err, plan.Manifest, written)
			}
		}
		if built == nil {
			return
		}
		var got []string
		for _, r := range built.Resources {
			got = append(got, r.res.MustYaml())
		}
		if text := strings.Join(got, "---\n"); text != want {
			t.Fatalf("%s\nthe controller builds\n%s", text, want)
		}
	})
}

func theirBuild(dir string, object *unstructured.Unstructured) (string, error) {
	root, err := filepath.EvalSymlinks(filepath.Dir(dir))
	if err != nil {
		return "", err
	}
	dir = filepath.Join(root, filepath.Base(dir))
	err = shared.do("panic", func() error {
		_, err := flux.NewGenerator(root, *object).WriteFile(dir)
		return err
	})
	if err != nil {
		return "", err
	}
	// What SecureBuild does, but for the schema that it parses again each time.
	fs, err := securefs.MakeFsOnDiskSecure(root)
	if err != nil {
		return "", err
	}
	m, err := shared.build(fs, dir)
	if err != nil {
		return "", err
	}
	text, err := m.AsYaml()
	return string(text), err
}
