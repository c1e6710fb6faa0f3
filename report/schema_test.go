package report_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flux-rehearse/flux-rehearse/report"
	v1 "github.com/flux-rehearse/flux-rehearse/report/v1"
)

// schema is the part of JSON Schema that the wire types need. Members that are
// not described may be added within a version, so they are not forbidden.
type schema struct {
	Schema      string             `json:"$schema,omitempty"`
	ID          string             `json:"$id,omitempty"`
	Ref         string             `json:"$ref,omitempty"`
	Description string             `json:"description,omitempty"`
	Type        string             `json:"type,omitempty"`
	Enum        []string           `json:"enum,omitempty"`
	Minimum     *int               `json:"minimum,omitempty"`
	Properties  map[string]*schema `json:"properties,omitempty"`
	Required    []string           `json:"required,omitempty"`
	Items       *schema            `json:"items,omitempty"`
	Defs        map[string]*schema `json:"$defs,omitempty"`
}

// sources are the packages whose types are written, by package path.
var sources = map[string]string{
	"report/v1": "v1", "diff": "../diff", "finding": "../finding",
}

// docs is what the source says about types, fields and the values of a string type.
type docs struct {
	text  map[string]string   // "finding.Ref" or "finding.Ref.Kind"
	enums map[string][]string // "finding.Severity"
}

func readDocs(t *testing.T) docs {
	t.Helper()
	d := docs{map[string]string{}, map[string][]string{}}
	for _, dir := range sources {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("no source in %s: %v", dir, err)
		}
		for _, file := range files {
			parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			for _, decl := range parsed.Decls {
				if g, ok := decl.(*ast.GenDecl); ok {
					d.read(parsed.Name.Name, g)
				}
			}
		}
	}
	return d
}

func (d docs) read(pkg string, g *ast.GenDecl) {
	for _, spec := range g.Specs {
		switch s := spec.(type) {
		case *ast.TypeSpec:
			name := pkg + "." + s.Name.Name
			d.text[name] = sentence(s.Doc, g.Doc)
			fields, ok := s.Type.(*ast.StructType)
			if !ok {
				continue
			}
			for _, f := range fields.Fields.List {
				for _, n := range f.Names {
					d.text[name+"."+n.Name] = sentence(f.Doc, f.Comment)
				}
			}
		case *ast.ValueSpec:
			kind, ok := s.Type.(*ast.Ident)
			if !ok || g.Tok != token.CONST {
				continue
			}
			for _, v := range s.Values {
				if lit, ok := v.(*ast.BasicLit); ok && lit.Kind == token.STRING {
					value, _ := strconv.Unquote(lit.Value)
					d.enums[pkg+"."+kind.Name] = append(d.enums[pkg+"."+kind.Name], value)
				}
			}
		}
	}
}

func sentence(comments ...*ast.CommentGroup) string {
	for _, c := range comments {
		if c != nil {
			return strings.Join(strings.Fields(c.Text()), " ")
		}
	}
	return ""
}

// generator writes the schema of Go types.
type generator struct {
	docs
	defs map[string]*schema
}

func (g generator) of(typ reflect.Type) (*schema, error) {
	name := typ.String()
	switch typ.Kind() {
	case reflect.Pointer:
		return g.of(typ.Elem())
	case reflect.Slice:
		items, err := g.of(typ.Elem())
		return &schema{Type: "array", Items: items}, err
	case reflect.Bool:
		return &schema{Type: "boolean"}, nil
	case reflect.Int:
		zero := 0
		return &schema{Type: "integer", Minimum: &zero}, nil
	case reflect.String:
		if typ.PkgPath() == "" {
			return &schema{Type: "string"}, nil
		}
		if _, known := g.defs[name]; !known {
			g.defs[name] = &schema{Type: "string", Description: g.text[name], Enum: g.enums[name]}
		}
		return &schema{Ref: "#/$defs/" + name}, nil
	case reflect.Struct:
		if _, known := g.defs[name]; !known {
			s := &schema{Type: "object", Description: g.text[name], Properties: map[string]*schema{}}
			g.defs[name] = s
			if err := g.fields(typ, s); err != nil {
				return nil, err
			}
		}
		return &schema{Ref: "#/$defs/" + name}, nil
	}
	return nil, fmt.Errorf("no schema for %s", typ)
}

func (g generator) fields(typ reflect.Type, into *schema) error {
	for i := range typ.NumField() {
		f := typ.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" {
			return fmt.Errorf("%s.%s has no JSON name", typ, f.Name)
		}
		s, err := g.of(f.Type)
		if err != nil {
			return err
		}
		s.Description = g.text[typ.String()+"."+f.Name]
		into.Properties[name] = s
		if options == "" {
			into.Required = append(into.Required, name)
		}
	}
	return nil
}

func generated(t *testing.T) *schema {
	t.Helper()
	g := generator{readDocs(t), map[string]*schema{}}
	root, err := g.of(reflect.TypeFor[v1.Report]())
	if err != nil {
		t.Fatal(err)
	}
	root.Schema = "https://json-schema.org/draft/2020-12/schema"
	root.ID = "report-v1.schema.json"
	root.Defs = g.defs
	return root
}

// TestSchema holds the published schema against the Go types; UPDATE=1 writes it.
func TestSchema(t *testing.T) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(generated(t)); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join("..", "docs", "report-v1.schema.json")
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), b.String()); d != "" {
		t.Errorf("the schema and the types differ (-schema +types):\n%s", d)
	}
}

// TestJSON holds what is written against the schema.
func TestJSON(t *testing.T) {
	root := generated(t)
	for name, r := range map[string]report.Report{"validate": validation(), "simulate": simulation(), "nothing": {Command: v1.Render}} {
		var value any
		out := write(t, "json", r, report.Options{})
		if err := json.Unmarshal([]byte(out), &value); err != nil {
			t.Fatal(err)
		}
		for _, violation := range root.check("", root, value) {
			t.Errorf("%s: %s", name, violation)
		}
		d := json.NewDecoder(strings.NewReader(out))
		d.DisallowUnknownFields()
		var back report.Report
		if err := d.Decode(&back); err != nil {
			t.Errorf("%s: a report is read back: %v", name, err)
		}
		if diff := cmp.Diff(v1.Counted(r), back); diff != "" && name != "nothing" {
			t.Errorf("%s: (-written +read):\n%s", name, diff)
		}
	}
	bad := root.check("", root, map[string]any{"version": 1, "clusters": nil, "command": "dance"})
	if len(bad) < 3 {
		t.Errorf("the check finds too little: %q", bad)
	}
}

// check says where a value and the schema differ; unlike the schema, it takes a
// member that is not described for a mistake.
func (root *schema) check(at string, s *schema, v any) []string {
	if s.Ref != "" {
		s = root.Defs[strings.TrimPrefix(s.Ref, "#/$defs/")]
	}
	var out []string
	ok := false
	switch v := v.(type) {
	case map[string]any:
		ok = s.Type == "object"
		for _, name := range s.Required {
			if _, has := v[name]; !has {
				out = append(out, at+" has no "+name)
			}
		}
		for name, member := range v {
			if p := s.Properties[name]; p != nil {
				out = append(out, root.check(at+"/"+name, p, member)...)
			} else {
				out = append(out, at+"/"+name+" is not described")
			}
		}
	case []any:
		ok = s.Type == "array"
		for i, item := range v {
			if s.Items != nil {
				out = append(out, root.check(fmt.Sprintf("%s/%d", at, i), s.Items, item)...)
			}
		}
	case string:
		ok = s.Type == "string" && (len(s.Enum) == 0 || slices.Contains(s.Enum, v))
	case float64:
		ok = s.Type == "integer" && v == float64(int(v)) && v >= float64(*s.Minimum)
	case bool:
		ok = s.Type == "boolean"
	}
	if !ok {
		out = append(out, fmt.Sprintf("%s is %#v, which the schema does not allow", at, v))
	}
	return out
}
