/* xml.h - text within XML, SVG and HTML. */
#ifndef MIDL_XML_H
#define MIDL_XML_H

#include <stdio.h>

/* Write text as the content of an element or the value of an attribute in double quotes. Control
 * characters that XML forbids become blanks; ends of lines and tabs stay. */
void xml_put(const char *text, FILE *out);

#endif
