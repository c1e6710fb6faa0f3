package schemas

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v5"

	"github.com/flux-rehearse/flux-rehearse/schemas/internal/archive"
)

// keywords finds the value of a schema keyword by its absolute location.
type keywords struct {
	builtin *builtins
	custom  []byte
	read    map[string]any // schemas read so far, by URL
}

func (k *keywords) lookup(location string) any {
	base, fragment, _ := strings.Cut(location, "#")
	doc, known := k.read[base]
	if !known {
		raw := k.custom
		if base != customURL {
			raw = k.builtin.definitions[strings.TrimPrefix(base, archive.Prefix)]
		}
		// What the validator has compiled is valid JSON.
		if err := json.Unmarshal(raw, &doc); err != nil {
			doc = nil
		}
		if k.read == nil {
			k.read = map[string]any{}
		}
		k.read[base] = doc
	}
	return parsePointer(unescapeURL(fragment)).lookup(doc)
}

// unescapeURL undoes the percent-encoding that the validator puts on pointers.
func unescapeURL(pointer string) string {
	if plain, err := url.PathUnescape(pointer); err == nil {
		return plain
	}
	return pointer
}

// values turns what the validator says about an object into violations.
type values struct {
	object  map[string]any
	kind    string
	source  keywords
	lenient bool // null is the zero value of any type
	// operator: the Flux Operator may have installed another form of the CRD.
	operator bool
	found    []Violation
}

// operatorKinds are the kinds that the Flux Operator adds to the lists of kinds
// in the CRDs of notification-controller that it installs.
var operatorKinds = []string{"FluxInstance", "ResourceSet", "ResourceSetInputProvider"}

// alternatives are keywords whose causes each concern one of several ways to
// be valid, so that only their sum is a mistake.
var alternatives = []string{"anyOf", "oneOf", "not"}

func (v *values) leaves(e *jsonschema.ValidationError) {
	keyword := e.KeywordLocation[strings.LastIndexByte(e.KeywordLocation, '/')+1:]
	if len(e.Causes) > 0 && !slices.Contains(alternatives, keyword) {
		for _, cause := range e.Causes {
			v.leaves(cause)
		}
		return
	}
	at := parsePointer(unescapeURL(e.InstanceLocation))
	value := at.lookup(v.object)
	if value == nil && v.lenient {
		return
	}
	if keyword == "enum" && v.operator && slices.Contains(operatorKinds, fmt.Sprint(value)) {
		return
	}
	fault := fault{at: at, kind: v.kind, value: value, want: v.source.lookup(e.AbsoluteKeywordLocation), said: e.Message}
	v.found = append(v.found, fault.violations(keyword)...)
}

// fault is one value that does not satisfy one keyword.
type fault struct {
	at    path
	kind  string
	value any
	want  any    // value of the keyword
	said  string // the validator's own words
}

func (f fault) violations(keyword string) []Violation {
	switch keyword {
	case "type":
		return f.one(KindType, fmt.Sprintf("%s is %s, want %s", f.subject(), typeWords(f.value), wantedTypes(f.want)), converted(f.value, f.want))
	case "required":
		return f.missing()
	case "enum":
		return f.one(KindEnum, fmt.Sprintf("%s is not allowed for %s, want one of %s", shown(f.value), f.words(), shownList(f.want)), nearestValue(f.value, f.want))
	case "pattern":
		return f.one(KindPattern, fmt.Sprintf("%s does not match the pattern %q of %s", shown(f.value), f.want, f.words()), "")
	case "format":
		words, _ := f.want.(string)
		return f.one(KindPattern, fmt.Sprintf("%s is not %s", shown(f.value), formatWords[words]), "")
	case "not":
		return f.one(KindOther, fmt.Sprintf("%s has a value that its schema rules out", f.words()), "")
	case "anyOf", "oneOf":
		return f.one(KindOther, fmt.Sprintf("%s fits none, or several, of the alternatives that its schema allows", f.words()), "")
	}
	if words, ok := limits[keyword]; ok {
		subject := shown(f.value)
		if strings.HasSuffix(keyword, "Items") || strings.HasSuffix(keyword, "Properties") || strings.HasSuffix(keyword, "Length") {
			subject = f.words()
		}
		return f.one(KindMinimum, fmt.Sprintf("%s %s %v", subject, words, f.want), "")
	}
	return f.one(KindOther, fmt.Sprintf("%s: %s", f.words(), f.said), "")
}

// limits are the words for keywords that bound a value.
var limits = map[string]string{
	"minimum":          "is less than",
	"maximum":          "is more than",
	"exclusiveMinimum": "must be more than",
	"exclusiveMaximum": "must be less than",
	"minLength":        "is shorter than",
	"maxLength":        "is longer than",
	"minItems":         "has fewer items than",
	"maxItems":         "has more items than",
	"minProperties":    "has fewer fields than",
	"maxProperties":    "has more fields than",
	"multipleOf":       "is no multiple of",
}

// subject shows the value, or names it when it is not short.
func (f fault) subject() string {
	switch f.value.(type) {
	case map[string]any, []any:
		return f.words()
	}
	return shown(f.value)
}

func (f fault) words() string { return f.at.words(f.kind) }

func (f fault) one(kind ViolationKind, message, suggestion string) []Violation {
	return []Violation{{Pointer: f.at.pointer(), Kind: kind, Message: message, Suggestion: suggestion}}
}

// missing returns a violation per required field that the object lacks.
func (f fault) missing() []Violation {
	object, _ := f.value.(map[string]any)
	names, _ := f.want.([]any)
	var found []Violation
	for _, item := range names {
		name, _ := item.(string)
		if _, present := object[name]; !present {
			found = append(found, Violation{
				Pointer: f.at.pointer(), Kind: KindRequired, Field: name,
				Message: fmt.Sprintf("%s lacks the required field %q", f.words(), name),
			})
		}
	}
	return found
}
