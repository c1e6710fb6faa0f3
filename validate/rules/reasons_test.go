package rules

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/flux-rehearse/flux-rehearse/finding"
	"github.com/flux-rehearse/flux-rehearse/render"
	"github.com/flux-rehearse/flux-rehearse/repo"
	"github.com/flux-rehearse/flux-rehearse/schemas"
	"github.com/flux-rehearse/flux-rehearse/validate"
)

// unclaimed are reasons that need no rule, each with why.
var unclaimed = map[string]string{
	// The owner is Unknown, which coverage counts and prints.
	"source-not-local":            "unknown",
	"source-local-content":        "unknown",
	"chart-dependency-not-local":  "unknown",
	"chart-template-unknown":      "unknown",
	"helm-values-unknown":         "unknown",
	"helm-lookup-unknown":         "unknown",
	"remote-base-not-local":       "unknown",
	"artifact-unreadable":         "unknown",
	"data-unknown":                "unknown",
	"secret-encrypted":            "unknown",
	"inputs-not-recorded":         "unknown",
	"decryption-secret-not-local": "unknown",

	// The owner is rendered all the same.
	"schema-ref-not-local": "a part of a schema is skipped",
	"helm-crds-other-kind": "the controller ignores the object, too",
	"reconcile-disabled":   "on request",
	"owner-not-applied":    "a consequence of what is reported of the owner",
	"dependency-missing":   "reference/dependency-missing reads the World",
	"dependency-not-ready": "a consequence of what is reported of the dependency",
	"waits-for-unready":    "a consequence of what is reported of the child",

	// render/failed reports these.
	"helmrelease-invalid": "render/failed",
	"input-provider-type": "render/failed, where the schema of the cluster takes the type",
	"build-failed":        "render/failed",
	"kustomize-panic":     "render/failed",
}

// TestReasonsAreReported holds the reasons that the engines state against those
// that rules claim, both ways.
func TestReasonsAreReported(t *testing.T) {
	stated := map[string]string{}
	for _, dir := range []string{"repo", "source", "render", "render/kustomize", "render/expression", "render/kustomization", "render/helmrelease", "render/artifactgenerator",
		"render/inputprovider", "render/resourceset", "render/fluxinstance"} {
		for reason, place := range reasonsIn(t, dir) {
			stated[reason] = place
		}
	}
	if len(stated) < 60 {
		t.Fatalf("only %d reasons are found, the search is broken", len(stated))
	}
	for _, reason := range sorted(stated) {
		if !claimed[reason] && unclaimed[reason] == "" && !slices.Contains(treeReasons, reason) {
			t.Errorf("%s: no rule reports the reason %q", stated[reason], reason)
		}
	}
	for reason := range claimed {
		if stated[reason] == "" {
			t.Errorf("a rule claims the reason %q, which nothing states", reason)
		}
		if unclaimed[reason] != "" {
			t.Errorf("the reason %q is claimed, but listed as unclaimed", reason)
		}
	}
	for reason := range unclaimed {
		if stated[reason] == "" {
			t.Errorf("the reason %q is listed as unclaimed, but nothing states it", reason)
		}
	}
}

// treeReasons are those of reading files, which the yaml rules report.
var treeReasons = []string{"yaml-syntax", "yaml-duplicate-key", "file-unreadable", "file-too-large"}

var kebab = regexp.MustCompile(`^[a-z]+(-[a-z0-9]+)+$`)

// reasonsIn collects the reasons that the files of a package state: constants
// and fields called Reason, first fields of the tables of patterns, and the
// first argument of functions that make a Problem.
func reasonsIn(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	files, err := filepath.Glob(filepath.Join("..", "..", filepath.FromSlash(dir), "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no files in %s: %v", dir, err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, name, data, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			for _, lit := range reasonLiterals(n) {
				if text, err := strconv.Unquote(lit.Value); err == nil && kebab.MatchString(text) {
					out[text] = dir + "/" + filepath.Base(name) + ":" + strconv.Itoa(fset.Position(lit.Pos()).Line)
				}
			}
			return true
		})
	}
	return out
}

// reasonLiterals are the texts of a node that are reasons by where they stand.
func reasonLiterals(n ast.Node) []*ast.BasicLit {
	var exprs []ast.Expr
	switch n := n.(type) {
	case *ast.ValueSpec:
		for i, name := range n.Names {
			if strings.HasPrefix(name.Name, "Reason") && i < len(n.Values) {
				exprs = append(exprs, n.Values[i])
			}
		}
	case *ast.KeyValueExpr:
		if key, ok := n.Key.(*ast.Ident); ok && key.Name == "Reason" {
			exprs = append(exprs, n.Value)
		}
	case *ast.AssignStmt:
		for i, left := range n.Lhs {
			if field, ok := left.(*ast.SelectorExpr); ok && field.Sel.Name == "Reason" && len(n.Rhs) == len(n.Lhs) {
				exprs = append(exprs, n.Rhs[i])
			}
		}
	case *ast.CompositeLit:
		// Rows of the tables of patterns and of substitutionReasons.
		if n.Type == nil && len(n.Elts) == 2 {
			exprs = append(exprs, n.Elts...)
		}
	case *ast.CallExpr:
		if f, ok := n.Fun.(*ast.SelectorExpr); ok && f.Sel.Name == "problem" && len(n.Args) > 0 {
			exprs = append(exprs, n.Args[0])
		}
	}
	var out []*ast.BasicLit
	for _, e := range exprs {
		if lit, ok := e.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			out = append(out, lit)
		}
	}
	return out
}

func sorted(m map[string]string) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// TestUnclaimedFailureIsReported renders an owner that fails for a reason that
// no rule claims.
func TestUnclaimedFailureIsReported(t *testing.T) {
	tests := []struct {
		why      string
		problems []finding.Problem
		want     string
	}{
		{"the problem is reported", []finding.Problem{{Reason: "never-heard-of", Message: "it is odd"}}, "it is odd"},
		{"without a problem the condition is", nil, "the controller says so"},
		{"a claimed problem is its own rule's", []finding.Problem{{Reason: "path-not-found", Message: "no path"}}, ""},
	}
	for _, tt := range tests {
		object := &render.Object{Unstructured: &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": kustomizeGroup + "/v1", "kind": "Kustomization", "metadata": map[string]any{"name": "apps", "namespace": "flux-system"},
		}}}
		w := &render.World{Outcomes: []*render.Outcome{{Object: object, Result: render.Result{
			State: render.Failed, Problems: tt.problems, Ready: render.Condition{Message: "the controller says so"},
		}}}}
		index := slices.IndexFunc(All(), func(r validate.Rule) bool { return r.ID == "render/failed" })
		got := validate.Run(validate.Input{Tree: repo.FromFiles(nil), Worlds: []*render.World{w}, Catalogs: []*schemas.Catalog{nil}, Rules: All()[index : index+1]})
		switch {
		case tt.want == "" && len(got) > 0:
			t.Errorf("%s: got %v", tt.why, got)
		case tt.want != "" && (len(got) != 1 || got[0].Message != tt.want || got[0].Object != object.Ref()):
			t.Errorf("%s: got %v, want %q", tt.why, got, tt.want)
		}
	}
}
