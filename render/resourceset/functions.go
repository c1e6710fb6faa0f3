package resourceset

import (
	"fmt"
	"maps"
	"reflect"
	"strings"
	"text/template"
	"unicode"

	"github.com/Masterminds/sprig/v3"
	"golang.org/x/text/unicode/norm"
	"sigs.k8s.io/yaml"
)

// names are the functions of sprig that the Flux Operator offers: those of
// slim-sprig that yield the same for the same arguments.
var names = strings.Fields(`
	hello ago duration durationRound must_date_modify mustDateModify mustToDate toDate unixEpoch
	trunc trim upper lower title substr repeat trimall trimAll trimSuffix trimPrefix contains hasPrefix hasSuffix
	quote squote cat indent nindent replace plural sha1sum sha256sum adler32sum toString
	atoi int64 int float64 seq toDecimal split splitList splitn toStrings until untilStep
	add1 add sub div mod mul randInt biggest max min maxf minf ceil floor round join sortAlpha
	default empty coalesce all any compact mustCompact
	fromJson toJson toPrettyJson toRawJson mustFromJson mustToJson mustToPrettyJson mustToRawJson ternary
	typeOf typeIs typeIsLike kindOf kindIs deepEqual base dir clean ext isAbs osBase osClean osDir osExt osIsAbs
	b64enc b64dec b32enc b32dec
	tuple list dict get set unset hasKey pluck keys pick omit values
	append push mustAppend mustPush prepend mustPrepend first mustFirst rest mustRest last mustLast initial mustInitial
	reverse mustReverse uniq mustUniq without mustWithout has mustHas slice mustSlice concat dig chunk mustChunk fail
	regexMatch mustRegexMatch regexFindAll mustRegexFindAll regexFind mustRegexFind regexReplaceAll mustRegexReplaceAll
	regexReplaceAllLiteral mustRegexReplaceAllLiteral regexSplit mustRegexSplit regexQuoteMeta urlParse urlJoin`)

// functions are what a template may call; inputs yields the input.
func functions(input map[string]any) template.FuncMap {
	out := template.FuncMap{}
	all := sprig.GenericFuncMap()
	for _, name := range names {
		if f, ok := all[name]; ok {
			out[name] = f
		}
	}
	own := template.FuncMap{
		"print": fmt.Sprint, "printf": fmt.Sprintf, "println": fmt.Sprintln,
		"html": template.HTMLEscaper, "js": template.JSEscaper, "urlquery": template.URLQueryEscaper,
		"slugify": slugify, "toYaml": func(v any) string { s, _ := toYAML(v); return s }, "mustToYaml": toYAML,
		// The clock and random numbers would give another result each time.
		"ago": fixed("ago"), "randInt": fixed("randInt"),
	}
	maps.Copy(out, own)
	for name, f := range out {
		out[name] = bounded(name, f)
	}
	out["inputs"] = func() map[string]any { return input }
	return out
}

// fixed refuses a function whose result depends on when it is called.
func fixed(name string) func(...any) (string, error) {
	return func(...any) (string, error) {
		return "", fmt.Errorf("%s yields something else at each reconciliation", name)
	}
}

func toYAML(v any) (string, error) {
	data, err := yaml.Marshal(v)
	return strings.TrimSuffix(string(data), "\n"), err
}

// slugify writes a text in lower-case letters, digits and dashes.
func slugify(text string) string {
	text = strings.NewReplacer("&", " and ", "@", " at ", "'", "", "’", "", "\"", "").Replace(text)
	var b strings.Builder
	for _, r := range norm.NFKD.String(strings.ToLower(text)) {
		switch {
		case unicode.Is(unicode.Mn, r):
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '_':
			b.WriteRune(r)
		default:
			if s := b.String(); s != "" && !strings.HasSuffix(s, "-") {
				b.WriteByte('-')
			}
		}
	}
	return strings.Trim(b.String(), "-_")
}

// What one call may work on or yield at most, in bytes or items.
const (
	maxText = 4 << 20
	maxList = 1 << 20
)

// growing are functions that yield more than they are given: their arguments
// multiply.
var growing = map[string]bool{
	"repeat": true, "indent": true, "nindent": true, "replace": true, "join": true, "regexReplaceAll": true, "mustRegexReplaceAll": true,
	"regexReplaceAllLiteral": true, "mustRegexReplaceAllLiteral": true, "printf": true, "trunc": true,
}

// counting are functions that list the numbers between others.
var counting = map[string]bool{"until": true, "untilStep": true, "seq": true}

// bounded is a function that refuses to work on, or to yield, too much.
func bounded(name string, f any) any {
	v := reflect.ValueOf(f)
	t := v.Type()
	outs := []reflect.Type{t.Out(0), reflect.TypeFor[error]()}
	ins := make([]reflect.Type, t.NumIn())
	for i := range ins {
		ins[i] = t.In(i)
	}
	// Other functions pass on what they are given, however much that is.
	check := func([]reflect.Value) error { return nil }
	if t.Out(0).Kind() == reflect.String || growing[name] || counting[name] || name == "concat" {
		check = func(args []reflect.Value) error { return fits(name, args) }
	}
	kind := reflect.FuncOf(ins, outs, t.IsVariadic())
	return reflect.MakeFunc(kind, func(args []reflect.Value) []reflect.Value {
		if err := check(args); err != nil {
			return []reflect.Value{reflect.Zero(t.Out(0)), reflect.ValueOf(&err).Elem()}
		}
		var results []reflect.Value
		if t.IsVariadic() {
			results = v.CallSlice(args)
		} else {
			results = v.Call(args)
		}
		if len(results) == 2 {
			return results
		}
		return []reflect.Value{results[0], reflect.Zero(outs[1])}
	}).Interface()
}

// fits is an error for arguments that are too much together.
func fits(name string, args []reflect.Value) error {
	total, product, largest := 0, 1, 0
	for _, a := range args {
		n := size(a, maxText-total)
		total += n
		largest = max(largest, magnitude(a))
		if growing[name] {
			product = min(product*max(n, magnitude(a), 1), maxText*4+1)
		}
	}
	if total > maxText || product > maxText*4 || counting[name] && largest > maxList {
		return fmt.Errorf("%s is asked for more than any object holds", name)
	}
	return nil
}

// magnitude is how often a count repeats something.
func magnitude(v reflect.Value) int {
	for v.Kind() == reflect.Interface && !v.IsNil() {
		v = v.Elem()
	}
	switch {
	case v.CanInt():
		return int(min(max(v.Int(), -maxText*4-1), maxText*4+1)) * sign(v.Int())
	case v.Kind() == reflect.Slice:
		most := 1
		for i := range min(v.Len(), 8) {
			most = max(most, magnitude(v.Index(i)))
		}
		return most
	}
	return 1
}

func sign(n int64) int {
	if n < 0 {
		return -1
	}
	return 1
}

// size is how much a value holds: bytes of text and items, counted no further
// than limit.
func size(v reflect.Value, limit int) int {
	switch v.Kind() {
	case reflect.Interface, reflect.Pointer:
		if v.IsNil() {
			return 1
		}
		return size(v.Elem(), limit)
	case reflect.String:
		return v.Len() + 1
	case reflect.Slice, reflect.Array:
		n := 1
		for i := 0; i < v.Len() && n <= limit; i++ {
			n += size(v.Index(i), limit-n)
		}
		return n
	case reflect.Map:
		n := 1
		for it := v.MapRange(); it.Next() && n <= limit; {
			n += size(it.Key(), limit-n) + size(it.Value(), limit-n)
		}
		return n
	}
	return 1
}

// printed passes a value on that is about to be printed.
func printed(v any) (any, error) {
	return v, fits("print", []reflect.Value{reflect.ValueOf(&v).Elem()})
}
