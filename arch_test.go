package arch_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/flux-rehearse/flux-rehearse/"

// arrows is the import table: each package may import those on its right, and
// no other package of this module. cmd may import everything.
var arrows = map[string][]string{
	"finding":                   {},
	"diff":                      {"finding"},
	"repo":                      {"finding"},
	"schemas":                   {"schemas/internal/archive", "internal/spelling"},
	"schemas/generate":          {"schemas", "schemas/internal/archive"},
	"schemas/internal/archive":  {},
	"source":                    {"repo", "finding"},
	"render":                    {"source", "repo", "finding"},
	"internal/reader":           {"render", "finding"},
	"internal/temporary":        {},
	"internal/effort":           {},
	"internal/ledger":           {},
	"internal/loose":            {},
	"internal/beside":           {},
	"internal/spelling":         {},
	"render/expression":         {"render", "finding"},
	"render/kustomize":          {"finding"},
	"render/kustomization":      {"render", "render/expression", "render/kustomization/sops", "render/kustomize", "source", "repo", "finding", "internal/reader", "internal/loose"},
	"render/kustomization/sops": {},
	"render/helmrelease":        {"render", "render/expression", "render/kustomize", "source", "repo", "finding", "internal/effort", "internal/reader"},
	"render/artifactgenerator":  {"render", "source", "repo", "finding"},
	"render/inputprovider":      {"render", "finding"},
	"render/resourceset":        {"render", "render/inputprovider", "finding", "internal/loose"},
	"render/fluxinstance":       {"render", "render/inputprovider", "render/kustomization", "repo", "finding"},
	"validate":                  {"render", "schemas", "repo", "finding"},
	"validate/rules":            {"validate", "render", "schemas", "repo", "finding"},
	"facts":                     {"diff", "finding"},
	"simulate":                  {"render", "render/expression", "source", "repo", "facts", "simulate/advice", "diff", "finding", "internal/effort"},
	"simulate/advice":           {"facts", "diff", "finding", "internal/spelling"},
	"simulate/controlplane":     {"internal/temporary"},
	"simulate/release":          {"render", "render/kustomize", "render/helmrelease", "finding"},
	"simulate/releases":         {"simulate", "simulate/release", "render", "render/helmrelease", "source", "finding"},
	"report":                    {"report/v1", "finding", "diff"},
	"report/v1":                 {"finding", "diff"},

	"render/kustomization/sops/sopstest": {},
}

// owners lists the packages that alone may import a heavy dependency, tests included.
var owners = map[string][]string{
	"sigs.k8s.io/kustomize/":          {"render/kustomize"},
	"github.com/fluxcd/pkg/kustomize": {"render/kustomize"},
	"helm.sh/helm/v3/":                {"render/helmrelease", "simulate/e2e"}, // there to store releases as Helm 3 does
	// Helm 4's actions replay releases. Its engine renders the few charts that Helm 3
	// cannot render as the controller does: docs/helm-versions.md.
	"helm.sh/helm/v4/":                {"simulate/release", "render/helmrelease"},
	"github.com/fluxcd/pkg/chartutil": {"render/helmrelease", "simulate/release"},
	// values.schema.json is checked where Helm checks it, without connections.
	"github.com/santhosh-tekuri/jsonschema/":     {"schemas", "render/helmrelease"},
	"github.com/fluxcd/pkg/ssa":                  {"simulate", "simulate/release"},
	"sigs.k8s.io/controller-runtime/pkg/envtest": {"simulate/controlplane"},
	"k8s.io/kubernetes/":                         {"simulate/controlplane"},
	"go.etcd.io/etcd/":                           {"simulate/controlplane"},
	"github.com/spf13/cobra":                     {"cmd/flux-rehearse"},
	"github.com/go-git/":                         {"repo"},
	"github.com/fluxcd/pkg/sourceignore":         {"source"},
	"github.com/fluxcd/pkg/artifact":             {"source"},
	"sigs.k8s.io/controller-tools/":              {"schemas/generate"},
	"github.com/fluxcd/pkg/runtime/cel":          {"simulate", "render/expression"},
	"github.com/fluxcd/pkg/runtime/dependency":   {"simulate"},
	"github.com/Masterminds/sprig/":              {"render/resourceset"},
	"github.com/getsops/":                        {"render/kustomization/sops", "render/kustomization/sops/sopstest"},
	"github.com/ProtonMail/":                     {"render/kustomization/sops", "render/kustomization/sops/sopstest"},
	"filippo.io/age":                             {"render/kustomization/sops", "render/kustomization/sops/sopstest"},
	"k8s.io/pod-security-admission/":             {"facts"},
	"k8s.io/component-helpers/":                  {"facts"},
}

const (
	maxFileLines     = 400
	maxFunctionLines = 60
	maxParameters    = 4
)

type source struct {
	path string // slash-separated, relative to the module
	fset *token.FileSet
	file *ast.File
	data []byte
}

func (s source) pkg() string { return path.Dir(s.path) }
func (s source) test() bool  { return strings.HasSuffix(s.path, "_test.go") }
func (s source) lines() int  { return strings.Count(string(s.data), "\n") }
func (s source) generated() bool {
	return strings.Contains(string(s.data[:min(200, len(s.data))]), "DO NOT EDIT")
}

func sources(t *testing.T) []source {
	t.Helper()
	var out []source
	err := filepath.WalkDir(".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			if d != nil && d.IsDir() && (d.Name() == "testdata" || d.Name() == "fixtures" || strings.HasPrefix(d.Name(), ".") && p != ".") {
				return filepath.SkipDir
			}
			return err
		}
		if !strings.HasSuffix(p, ".go") {
			return nil
		}
		data, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, p, data, parser.ParseComments)
		if err != nil {
			return err
		}
		out = append(out, source{filepath.ToSlash(p), fset, f, data})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func imports(s source) []string {
	var out []string
	for _, i := range s.file.Imports {
		out = append(out, strings.Trim(i.Path.Value, `"`))
	}
	return out
}

// TestImportTable holds every import inside the module against arrows.
func TestImportTable(t *testing.T) {
	for _, s := range sources(t) {
		if s.pkg() == "." || s.test() || strings.HasPrefix(s.pkg(), "cmd/") || strings.HasPrefix(s.pkg(), "internal/conformance") || strings.HasPrefix(s.pkg(), "internal/bench") {
			continue
		}
		allowed, known := arrows[s.pkg()]
		if !known {
			t.Errorf("%s: package %q is not in the import table", s.path, s.pkg())
			continue
		}
		for _, i := range imports(s) {
			target, inside := strings.CutPrefix(i, module)
			if inside && !slices.Contains(allowed, target) {
				t.Errorf("%s imports %s: that arrow is not in the import table", s.path, target)
			}
		}
	}
}

// TestOwners holds every import of a heavy dependency against owners.
func TestOwners(t *testing.T) {
	for _, s := range sources(t) {
		for _, i := range imports(s) {
			for prefix, pkgs := range owners {
				if (i == strings.TrimSuffix(prefix, "/") || strings.HasPrefix(i, prefix)) && !slices.Contains(pkgs, s.pkg()) {
					t.Errorf("%s imports %s, which only %v may import", s.path, i, pkgs)
				}
			}
		}
	}
}

// TestFindingIsStandardLibraryOnly keeps the package that everything imports light.
func TestFindingIsStandardLibraryOnly(t *testing.T) {
	for _, s := range sources(t) {
		for _, i := range imports(s) {
			if s.pkg() == "finding" && !s.test() && strings.Contains(strings.SplitN(i, "/", 2)[0], ".") {
				t.Errorf("%s imports %s", s.path, i)
			}
		}
	}
}

// TestSizes holds files, functions and parameter lists against the limits.
func TestSizes(t *testing.T) {
	for _, s := range sources(t) {
		if s.test() || s.generated() {
			continue
		}
		if n := s.lines(); n > maxFileLines {
			t.Errorf("%s has %d lines, limit %d", s.path, n, maxFileLines)
		}
		for _, d := range s.file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			first, last := s.fset.Position(f.Pos()).Line, s.fset.Position(f.End()).Line
			if n := last - first + 1; n > maxFunctionLines {
				t.Errorf("%s:%d: %s has %d lines, limit %d", s.path, first, f.Name.Name, n, maxFunctionLines)
			}
			checkParameters(t, s, f)
		}
	}
}

func checkParameters(t *testing.T, s source, f *ast.FuncDecl) {
	n := 0
	for _, p := range f.Type.Params.List {
		n += max(1, len(p.Names))
		if id, ok := p.Type.(*ast.Ident); ok && id.Name == "bool" && f.Name.IsExported() && f.Recv == nil {
			t.Errorf("%s: exported %s has a boolean parameter", s.path, f.Name.Name)
		}
	}
	if n > maxParameters {
		t.Errorf("%s: %s has %d parameters, limit %d", s.path, f.Name.Name, n, maxParameters)
	}
}
