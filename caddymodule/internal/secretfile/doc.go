// Package secretfile promises that what it reads from an operator's file as a
// secret was meant to be one: random bytes, and no key that others may know.
//
// It refuses to say what the secret is for, and no error of it shows what a
// file holds.
package secretfile
