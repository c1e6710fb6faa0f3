package kustomize

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/fluxcd/pkg/envsubst"
	flux "github.com/fluxcd/pkg/kustomize"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// SubstituteInput is what post-build substitution depends on.
type SubstituteInput struct {
	Object *unstructured.Unstructured // the Flux Kustomization
	Client client.Client              // reads substituteFrom
	Strict bool
	Always bool
	Loaded bool // another object was substituted before, so the variables are known to load
}

// Substitute replaces the variables of the object and changes it in place. The
// error wraps what the client returned and has the controller's text, without
// its "post build failed" prefix.
func (r *Resource) Substitute(ctx context.Context, in SubstituteInput) error {
	// A text without a dollar sign stays as it is; only loading the variables could fail.
	if in.Loaded && r.plain() {
		return nil
	}
	if err := r.tooMuch(ctx, in); err != nil {
		return err
	}
	out, err := flux.SubstituteVariables(ctx, in.Client, *in.Object, r.res,
		flux.SubstituteWithStrict(in.Strict), flux.SubstituteWithAlways(in.Always))
	if err == nil && out != nil {
		r.res = out
	}
	return err
}

// maxSubstituted is how long the text of one object may become at most, in
// bytes. The API server takes no object of more than a few megabytes.
const maxSubstituted = 64 << 20

// tooMuch is an error where the variables would make a text without end of the object.
func (r *Resource) tooMuch(ctx context.Context, in SubstituteInput) error {
	text, err := r.res.AsYAML()
	uses := strings.Count(string(text), "${")
	if err != nil || uses < 2 {
		return nil // the build tells what is wrong
	}
	longest := 0
	for _, v := range r.known(ctx, in) {
		longest = max(longest, len(v))
	}
	if longest > 0 && uses > (maxSubstituted-len(text))/longest {
		return fmt.Errorf("%d variables of up to %d bytes make the object too long", uses, longest)
	}
	return nil
}

// known are the values of the variables, nil where they cannot be loaded.
func (r *Resource) known(ctx context.Context, in SubstituteInput) map[string]string {
	vars, err := flux.LoadVariables(ctx, in.Client, *in.Object)
	if err != nil {
		return nil
	}
	inline, _, _ := unstructured.NestedStringMap(in.Object.Object, "spec", "postBuild", "substitute")
	for k, v := range inline {
		vars[k] = v
	}
	return vars
}

// OptsOut reports whether the object keeps its text, by label or annotation.
func (r *Resource) OptsOut() bool {
	const key = "kustomize.toolkit.fluxcd.io/substitute"
	return r.res.GetLabels()[key] == flux.DisabledValue || r.res.GetAnnotations()[key] == flux.DisabledValue
}

var unset = regexp.MustCompile(`variable not set \(strict mode\): "([^"]*)"`)

// Missing lists the variables of the object that have neither a value nor a
// default, in the order in which the text uses them. It is empty where
// something else is wrong.
func (r *Resource) Missing(ctx context.Context, in SubstituteInput) []string {
	vars := r.known(ctx, in)
	if vars == nil {
		return nil
	}
	text, err := r.res.AsYAML()
	if err != nil {
		return nil
	}
	var out []string
	for {
		_, err := envsubst.Eval(string(text), func(name string) (string, bool) {
			v, ok := vars[name]
			return v, ok
		})
		if err == nil {
			return out
		}
		m := unset.FindStringSubmatch(err.Error())
		if m == nil {
			return out
		}
		if _, known := vars[m[1]]; known {
			return out
		}
		out, vars[m[1]] = append(out, m[1]), ""
	}
}

// Parses reports whether substitution can parse the text.
func Parses(text string) bool {
	_, err := envsubst.Eval(text, func(string) (string, bool) { return "", true })
	return err == nil
}

// PostBuildFailure makes a Failure of an error of Substitute on the object.
func (r *Resource) PostBuildFailure(err error) *Failure {
	f := translate("post build failed for '" + r.ID + "': " + err.Error())
	f.Reason, f.Object, f.Path, f.Entry, f.File, f.Line = "substitution-failed", r.ID, "", "", "", 0
	for _, s := range substitutionReasons {
		if strings.Contains(f.Message, s.text) {
			f.Reason = s.reason
			break
		}
	}
	return f
}

var substitutionReasons = []struct{ text, reason string }{
	{"variable not set (strict mode)", "variable-unset"},
	{"var name is invalid", "variable-name-invalid"},
	{"missing closing brace", "variable-syntax"},
	{"unable to parse variable name", "variable-syntax"},
	{"unable to parse substitution within function", "variable-syntax"},
	{"unable to parse default function", "variable-syntax"},
	{"bad substitution", "variable-syntax"},
	{"make the object too long", "build-without-end"},
	{"YAMLToJSON: ", "substitution-breaks-yaml"},
	{"UnmarshalJSON: ", "substitution-breaks-object"},
	{"substitute from '", "substitute-source-missing"},
}
