package helmrelease

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"math/rand/v2"
	"net"
	"text/template"
	"time"
)

// certificate is what the certificate functions give to templates.
type certificate struct {
	Cert string
	Key  string
}

// certificates yields the functions that make keys and certificates. All RSA
// keys are one key: making one takes long, and nobody trusts what a rehearsal makes.
func (s *steady) certificates() template.FuncMap {
	return template.FuncMap{
		"genPrivateKey":   s.privateKey,
		"buildCustomCert": customCertificate,
		"genCA": func(name string, days int) (certificate, error) {
			return s.issue(request{call: "genCA", name: name, days: days, authority: true})
		},
		"genCAWithKey": func(name string, days int, key string) (certificate, error) {
			return s.issue(request{call: "genCAWithKey", name: name, days: days, authority: true, key: key})
		},
		"genSelfSignedCert": func(name string, ips, dns []any, days int) (certificate, error) {
			return s.issue(request{call: "genSelfSignedCert", name: name, ips: ips, dns: dns, days: days})
		},
		"genSelfSignedCertWithKey": func(name string, ips, dns []any, days int, key string) (certificate, error) {
			return s.issue(request{call: "genSelfSignedCertWithKey", name: name, ips: ips, dns: dns, days: days, key: key})
		},
		"genSignedCert": func(name string, ips, dns []any, days int, ca certificate) (certificate, error) {
			return s.issue(request{call: "genSignedCert", name: name, ips: ips, dns: dns, days: days, signer: &ca})
		},
		"genSignedCertWithKey": func(name string, ips, dns []any, days int, ca certificate, key string) (certificate, error) {
			return s.issue(request{call: "genSignedCertWithKey", name: name, ips: ips, dns: dns, days: days, signer: &ca, key: key})
		},
	}
}

// request describes the certificate that a template wants.
type request struct {
	call, name string
	ips, dns   []any
	days       int
	authority  bool
	key        string       // PEM, empty for a new key
	signer     *certificate // nil for itself
}

func (s *steady) issue(r request) (certificate, error) {
	wanted, err := s.draft(r)
	if err != nil {
		return certificate{}, err
	}
	key, err := s.keyFor(r.key)
	if err != nil {
		return certificate{}, err
	}
	parent, signingKey := wanted, key
	if r.signer != nil {
		if parent, signingKey, err = readCertificate(*r.signer); err != nil {
			return certificate{}, err
		}
	}
	// Without a source of randomness the signatures are deterministic.
	der, err := x509.CreateCertificate(nil, wanted, parent, key.Public(), signingKey)
	if err != nil {
		return certificate{}, fmt.Errorf("error creating certificate: %w", err)
	}
	keyText, err := keyPEM(key)
	return certificate{Cert: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), Key: keyText}, err
}

func (s *steady) keyFor(text string) (crypto.Signer, error) {
	if text != "" {
		key, err := parseKey(text)
		if err != nil {
			return nil, fmt.Errorf("parsing private key: %w", err)
		}
		return key, nil
	}
	return s.rsaKey()
}

func (s *steady) draft(r request) (*x509.Certificate, error) {
	c := &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(s.bytes(16, r.call, r.name, r.ips, r.dns, r.days)),
		Subject:      pkix.Name{CommonName: r.name},
		NotBefore:    s.now, NotAfter: s.now.Add(24 * time.Hour * time.Duration(r.days)),
		KeyUsage:              x509.KeyUsageKeyEncipherment | x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true,
	}
	if r.authority {
		c.IsCA, c.KeyUsage = true, c.KeyUsage|x509.KeyUsageCertSign
	}
	for _, ip := range r.ips {
		text, _ := ip.(string)
		parsed := net.ParseIP(text)
		if parsed == nil {
			return nil, fmt.Errorf("error parsing ip: %v", ip)
		}
		c.IPAddresses = append(c.IPAddresses, parsed)
	}
	for _, name := range r.dns {
		text, ok := name.(string)
		if !ok {
			return nil, fmt.Errorf("error processing alternate dns name: %v is not a string", name)
		}
		c.DNSNames = append(c.DNSNames, text)
	}
	return c, nil
}

func readCertificate(c certificate) (*x509.Certificate, crypto.Signer, error) {
	block, _ := pem.Decode([]byte(c.Cert))
	if block == nil {
		return nil, nil, errors.New("unable to decode certificate")
	}
	parsed, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, nil, fmt.Errorf("error parsing certificate: decodedCert.Bytes: %w", err)
	}
	key, err := parseKey(c.Key)
	if err != nil {
		return nil, nil, fmt.Errorf("error parsing private key: %w", err)
	}
	return parsed, key, nil
}

func customCertificate(cert, key string) (certificate, error) {
	certText, err := base64.StdEncoding.DecodeString(cert)
	if err != nil {
		return certificate{}, errors.New("unable to decode base64 certificate")
	}
	keyText, err := base64.StdEncoding.DecodeString(key)
	if err != nil {
		return certificate{}, errors.New("unable to decode base64 private key")
	}
	c := certificate{Cert: string(certText), Key: string(keyText)}
	_, _, err = readCertificate(c)
	return c, err
}

func parseKey(text string) (crypto.Signer, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, errors.New("no PEM data in input")
	}
	switch block.Type {
	case "RSA PRIVATE KEY":
		return x509.ParsePKCS1PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		return x509.ParseECPrivateKey(block.Bytes)
	case "PRIVATE KEY":
		key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("decoding PEM as PKCS#8: %w", err)
		}
		if signer, ok := key.(crypto.Signer); ok {
			return signer, nil
		}
	}
	return nil, fmt.Errorf("no private key data in PEM block of type %s", block.Type)
}

func keyPEM(key crypto.Signer) (string, error) {
	block := &pem.Block{Type: "PRIVATE KEY"}
	var err error
	switch k := key.(type) {
	case *rsa.PrivateKey:
		block.Type, block.Bytes = "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(k)
	case *ecdsa.PrivateKey:
		block.Type = "EC PRIVATE KEY"
		block.Bytes, err = x509.MarshalECPrivateKey(k)
	default:
		block.Bytes, err = x509.MarshalPKCS8PrivateKey(key)
	}
	if err != nil {
		return "", fmt.Errorf("error pem-encoding key: %w", err)
	}
	return string(pem.EncodeToMemory(block)), nil
}

// privateKey yields a key of the kind. There are no DSA keys any more; an
// elliptic one stands in.
func (s *steady) privateKey(kind string) (string, error) {
	switch kind {
	case "", "rsa":
		key, err := s.rsaKey()
		if err != nil || s.rsaText != "" {
			return s.rsaText, err
		}
		s.rsaText, err = keyPEM(key)
		return s.rsaText, err
	case "ecdsa", "dsa":
		scalar := s.bytes(32, "genPrivateKey", kind)
		scalar[0] &= 0x7f // below the order of the curve
		key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), scalar)
		if err != nil {
			return "", fmt.Errorf("failed to generate private key: %w", err)
		}
		return keyPEM(key)
	case "ed25519":
		return keyPEM(ed25519.NewKeyFromSeed(s.bytes(ed25519.SeedSize, "genPrivateKey", kind)))
	}
	return "Unknown type " + kind, nil
}

const rsaBits = 2048

// primeOffsets lead from the numbers that a fixed stream yields to the next
// primes that an RSA key can be made of. Searching takes seconds.
var primeOffsets = [2]int64{998, 2378}

// fixedRSAKey derives the one RSA key of a rehearsal.
func fixedRSAKey() (*rsa.PrivateKey, error) {
	source := rand.NewChaCha8([32]byte{})
	exponent, one := big.NewInt(65537), big.NewInt(1)
	var primes []*big.Int
	n, phi := big.NewInt(1), big.NewInt(1)
	for _, offset := range primeOffsets {
		b := make([]byte, rsaBits/16)
		_, _ = source.Read(b) // never fails
		b[0] |= 0xc0
		b[len(b)-1] |= 1
		p := new(big.Int).SetBytes(b)
		p.Add(p, big.NewInt(offset))
		primes = append(primes, p)
		n.Mul(n, p)
		phi.Mul(phi, new(big.Int).Sub(p, one))
	}
	key := &rsa.PrivateKey{
		PublicKey: rsa.PublicKey{N: n, E: int(exponent.Int64())},
		D:         new(big.Int).ModInverse(exponent, phi),
		Primes:    primes,
	}
	key.Precompute()
	if err := key.Validate(); err != nil {
		return nil, fmt.Errorf("derive the RSA key: %w", err)
	}
	return key, nil
}
