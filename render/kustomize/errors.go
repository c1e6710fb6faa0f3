package kustomize

import (
	"regexp"
	"strconv"
	"strings"
)

// pattern recognises one mistake in the prose of kustomize or the controller.
// Named groups fill the fields of the Failure: path, dir (the folder of the
// kustomization file), entry, line, object, field.
type pattern struct {
	reason string
	text   *regexp.Regexp
}

// patterns are tried in order; the first that matches decides. The last match
// in the text is taken, as kustomize prints the innermost cause last.
var patterns = []pattern{
	{"kustomize-panic", regexp.MustCompile(`recovered from (?:kustomize build )?panic`)},
	{"build-without-end", regexp.MustCompile(`the build reads too many files`)},
	{"build-without-end", regexp.MustCompile(`failed to decode Kubernetes YAML from (?P<path>.+?): (?:the aliases of the file stand for more|a mapping of the file has more than)`)},
	{"build-without-end", regexp.MustCompile(`accumulating resources from '(?P<entry>[^']*)': .*(?:the aliases of the file stand for more|a mapping of the file has more than)`)},
	{"build-without-end", regexp.MustCompile(`(?:the aliases of the file stand for more|a mapping of the file has more than)`)},
	{"helm-charts-disabled", regexp.MustCompile(`must specify --enable-helm`)},
	{"path-outside-artifact", regexp.MustCompile(`fs-security-constraint \w+ (?P<path>\S+): path '`)},
	{"path-outside-artifact", regexp.MustCompile(`security; file '(?P<path>[^']*)' is not in or below`)},
	{"component-path-invalid", regexp.MustCompile(`component path '(?P<entry>[^']*)' must be local and relative`)},
	{"component-as-resource", regexp.MustCompile(`expected kind != 'Component' for path '(?P<path>[^']*)'`)},
	{"resource-as-component", regexp.MustCompile(`expected kind 'Component' for path '(?P<path>[^']*)' but got`)},
	{"malformed-yaml", regexp.MustCompile(`failed to decode Kubernetes YAML from (?P<path>.+?): MalformedYAMLError: yaml: (?:line (?P<line>\d+): )?`)},
	{"malformed-yaml", regexp.MustCompile(`accumulating resources from '(?P<entry>[^']*)': MalformedYAMLError: yaml: (?:line (?P<line>\d+): )?`)},
	{"not-kubernetes-yaml", regexp.MustCompile(`failed to decode Kubernetes YAML from (?P<path>.+?): `)},
	{"not-kubernetes-yaml", regexp.MustCompile(`failed to decode Kubernetes apiVersion, kind and name from: `)},
	{"not-kubernetes-yaml", regexp.MustCompile(`accumulating resources from '(?P<entry>[^']*)': (?:missing metadata\.name|missing Resource metadata|Object 'Kind' is missing|.*missing kind|.*missing apiVersion)`)},
	{"duplicate-key", regexp.MustCompile(`line (?P<line>\d+): mapping key "(?P<field>[^"]*)" already defined at line`)},
	{"kustomization-unknown-field", regexp.MustCompile(`couldn't make target for path '(?P<dir>[^']*)': invalid Kustomization: json: unknown field \\*"(?P<field>[^"\\]*)\\*"`)},
	{"kustomization-unknown-field", regexp.MustCompile(`invalid Kustomization: json: unknown field \\*"(?P<field>[^"\\]*)\\*"`)},
	{"kustomization-invalid", regexp.MustCompile(`couldn't make target for path '(?P<dir>[^']*)': invalid Kustomization: `)},
	{"kustomization-invalid", regexp.MustCompile(`invalid Kustomization: `)},
	{"kustomization-invalid", regexp.MustCompile(`Failed to read kustomization file under (?P<dir>\S+):`)},
	{"kustomization-invalid", regexp.MustCompile(`json: cannot unmarshal .* into Go struct field Kustomization\.(?P<field>\S+) of type`)},
	{"kustomization-empty", regexp.MustCompile(`couldn't make target for path '(?P<dir>[^']*)': kustomization\.yaml is empty`)},
	{"kustomization-empty", regexp.MustCompile(`kustomization\.yaml is empty`)},
	{"several-kustomization-files", regexp.MustCompile(`Found multiple kustomization files under: (?P<dir>\S+)`)},
	{"base-cycle", regexp.MustCompile(`cycle detected: candidate root '(?P<path>[^']*)' contains visited root '`)},
	{"namespace-conflict", regexp.MustCompile(`namespace transformation produces ID conflict`)},
	{"generator-file-missing", regexp.MustCompile(`loading KV pairs: \w+ sources?: .*?(?:open|read|evalsymlink failure on) (?P<path>\S+): (?:no such file or directory|is a directory|not a directory)`)},
	{"generator-source-invalid", regexp.MustCompile(`loading KV pairs: `)},
	{"generator-duplicate", regexp.MustCompile(`Name:"(?P<object>[^"]*)".* exists; can not use behavior`)},
	{"generator-target-missing", regexp.MustCompile(`Name:"(?P<object>[^"]*)".* does not exist; cannot merge or replace`)},
	{"patch-no-match", regexp.MustCompile(`no resource matches strategic merge patch \\*"(?P<object>[^"\\]*)\\*"`)},
	{"patch-no-match", regexp.MustCompile(`no matches for Id (?P<object>[^\s;]+); failed to find unique target for patch`)},
	{"patch-ambiguous", regexp.MustCompile(`multiple matches for (?:Id|\w+) (?P<object>[^\s;]+)`)},
	{"patch-without-target", regexp.MustCompile(`must specify a target for (?:JSON )?patch`)},
	{"patch-several-documents", regexp.MustCompile(`Multiple Strategic-Merge Patches in one .patches. entry is not allowed`)},
	{"patch-invalid", regexp.MustCompile(`unable to parse SM or JSON patch from`)},
	{"patch-invalid", regexp.MustCompile(`must specify one of patch and path|patch and path can't be set at the same time|illegally qualifies as both`)},
	{"patch-file-missing", regexp.MustCompile(`failed to get the patch file from path\((?P<entry>[^)]*)\): `)},
	{"patch-path-missing", regexp.MustCompile(`(?:replace|remove|add|test|copy|move) operation does not apply: doc is missing (?:path|key|parent|from path)?:? ?\\*"?(?P<field>/[^"\\:\s]*)`)},
	{"patch-path-missing", regexp.MustCompile(`(?:replace|remove|add|test|copy|move) operation does not apply`)},
	{"patch-test-failed", regexp.MustCompile(`testing value (?P<field>\S+) failed`)},
	{"replicas-no-match", regexp.MustCompile(`resource with name (?P<object>\S+) does not match a config with the following GVK`)},
	{"replacement-no-match", regexp.MustCompile(`nothing selected by |unable to find field .* in replacement target|is missing for replacement source|replacements must specify`)},
	{"duplicate-object", regexp.MustCompile(`may not add resource with an already registered id: (?P<object>[^'\s"]+)`)},
	{"duplicate-object", regexp.MustCompile(`found multiple possible referrals`)},
	{"kustomization-file-missing", regexp.MustCompile(`unable to find one of 'kustomization\.yaml'.* in directory '(?P<path>[^']*)'`)},
	{"resource-file-missing", regexp.MustCompile(`accumulating resources from '(?P<entry>[^']*)': open (?P<path>\S+): no such file or directory`)},
	{"resource-file-missing", regexp.MustCompile(`evalsymlink failure on \\*'?(?P<path>[^'\s]+)\\*'? ?: .*no such file or directory`)},
	{"resource-file-missing", regexp.MustCompile(`(?:open|lstat|stat) (?P<path>\S+): no such file or directory`)},
	{"malformed-yaml", regexp.MustCompile(`(?:yaml|YAML): (?:line (?P<line>\d+): )?`)},
	{"variable-unset", regexp.MustCompile(`variable not set \(strict mode\): "(?P<field>[^"]*)"`)},
}

// outer finds the entries and folders around the innermost mistake.
var outer = struct{ entry, dir *regexp.Regexp }{
	entry: regexp.MustCompile(`(?:accumulating|merging) resources from '([^']*)'`),
	dir:   regexp.MustCompile(`(?:recursed (?:accumulation of|merging from)|couldn't make target for) path '([^']*)'`),
}

// translate makes a Failure of the text of an error. Text that no pattern knows
// is kept whole under the reason build-failed.
func translate(text string) *Failure {
	f := &Failure{Reason: "build-failed", Condition: buildFailed, Message: text}
	for _, p := range patterns {
		all := p.text.FindAllStringSubmatchIndex(text, -1)
		if len(all) == 0 {
			continue
		}
		f.Reason = p.reason
		f.fill(p.text, text, all[len(all)-1])
		break
	}
	if f.Entry == "" {
		f.Entry = lastGroup(outer.entry, text)
	}
	if f.File == "" {
		f.File = lastGroup(outer.dir, text)
	}
	return f
}

func (f *Failure) fill(re *regexp.Regexp, text string, at []int) {
	for i, name := range re.SubexpNames() {
		if name == "" || at[2*i] < 0 {
			continue
		}
		value := text[at[2*i]:at[2*i+1]]
		switch name {
		case "path":
			f.Path = strings.Trim(value, `'"\`)
		case "dir":
			f.File = strings.TrimSuffix(value, "\n")
		case "entry":
			f.Entry = value
		case "object":
			f.Object = value
		case "field":
			f.Field = value
		case "line":
			f.Line, _ = strconv.Atoi(value)
		}
	}
}

func lastGroup(re *regexp.Regexp, text string) string {
	all := re.FindAllStringSubmatch(text, -1)
	if len(all) == 0 {
		return ""
	}
	return all[len(all)-1][1]
}
