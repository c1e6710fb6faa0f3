package helmrelease

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"text/template"
	"time"
)

// steady yields the template functions that would otherwise read the clock, the
// time zone of the machine, random numbers or tables in a random order.
type steady struct {
	seed    string    // identifies the release
	now     time.Time // what time it is
	rsaKey  func() (*rsa.PrivateKey, error)
	rsaText string // of the key, once it was asked for
	calls   map[string]int
}

func newSteady(seed string, now time.Time, rsaKey func() (*rsa.PrivateKey, error)) *steady {
	return &steady{seed: seed, now: now, rsaKey: rsaKey, calls: map[string]int{}}
}

// functions returns the replacements by name.
func (s *steady) functions() template.FuncMap {
	fm := template.FuncMap{
		"randAlphaNum": s.text("randAlphaNum", letters+digits),
		"randAlpha":    s.text("randAlpha", letters),
		"randNumeric":  s.text("randNumeric", digits),
		"randAscii":    s.text("randAscii", printable()),
		"randBytes":    s.randBytes,
		"randInt":      s.randInt,
		"shuffle":      s.shuffle,
		"uuidv4":       s.uuid,
		"bcrypt":       s.bcrypt,
		"htpasswd":     s.htpasswd,
		"encryptAES":   s.encryptAES,
	}
	for _, more := range []template.FuncMap{s.certificates(), s.clock(), collections(), bounded()} {
		maps.Copy(fm, more)
	}
	return fm
}

const (
	letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	digits  = "0123456789"
)

func printable() string {
	var b strings.Builder
	for c := byte(' '); c < 127; c++ {
		b.WriteByte(c)
	}
	return b.String()
}

// random returns the numbers of one call. The same call gets others each time.
func (s *steady) random(call string, args ...any) *rand.ChaCha8 {
	key := fmt.Sprintf("%s\x00%s\x00%q", s.seed, call, args)
	n := s.calls[key]
	s.calls[key]++
	return rand.NewChaCha8(sha256.Sum256(fmt.Appendf(nil, "%s\x00%d", key, n)))
}

func (s *steady) bytes(n int, call string, args ...any) []byte {
	out := make([]byte, max(0, n))
	_, _ = s.random(call, args...).Read(out) // never fails
	return out
}

// text returns a function that yields a number of characters of an alphabet.
func (s *steady) text(call, alphabet string) func(int) (string, error) {
	return func(n int) (string, error) {
		if n > maxText {
			return "", fmt.Errorf("a text of %d bytes is too long", n)
		}
		r := rand.New(s.random(call, n))
		out := make([]byte, max(0, n))
		for i := range out {
			out[i] = alphabet[r.IntN(len(alphabet))]
		}
		return string(out), nil
	}
}

func (s *steady) randBytes(n int) (string, error) {
	if n > maxText {
		return "", fmt.Errorf("a text of %d bytes is too long", n)
	}
	return base64.StdEncoding.EncodeToString(s.bytes(n, "randBytes", n)), nil
}

func (s *steady) randInt(from, to int) (int, error) {
	if to <= from {
		return 0, fmt.Errorf("invalid argument to Intn")
	}
	return from + rand.New(s.random("randInt", from, to)).IntN(to-from), nil
}

func (s *steady) shuffle(text string) string {
	runes := []rune(text)
	rand.New(s.random("shuffle", text)).Shuffle(len(runes), func(i, j int) { runes[i], runes[j] = runes[j], runes[i] })
	return string(runes)
}

func (s *steady) uuid() string {
	b := s.bytes(16, "uuidv4")
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80 // version 4, RFC 9562 variant
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// bcrypt yields a text of the form of a bcrypt hash. It verifies no password.
func (s *steady) bcrypt(text string) string {
	const alphabet = "./" + letters + digits
	r := rand.New(s.random("bcrypt", text))
	hash := make([]byte, 53)
	for i := range hash {
		hash[i] = alphabet[r.IntN(len(alphabet))]
	}
	return "$2a$10$" + string(hash)
}

func (s *steady) htpasswd(user, password string) string {
	if strings.Contains(user, ":") {
		return "invalid username: " + user
	}
	return user + ":" + s.bcrypt(password)
}

// encryptAES encrypts like the original, with a fixed initial vector.
func (s *steady) encryptAES(password, text string) (string, error) {
	if text == "" {
		return "", nil
	}
	key := make([]byte, 32)
	copy(key, password)
	block, err := aes.NewCipher(key)
	if err != nil {
		return "", fmt.Errorf("encrypt: %w", err)
	}
	pad := aes.BlockSize - len(text)%aes.BlockSize
	content := append([]byte(text), strings.Repeat(string(rune(pad)), pad)...)
	out := append(s.bytes(aes.BlockSize, "encryptAES", password, text), make([]byte, len(content))...)
	cipher.NewCBCEncrypter(block, out[:aes.BlockSize]).CryptBlocks(out[aes.BlockSize:], content)
	return base64.StdEncoding.EncodeToString(out), nil
}
