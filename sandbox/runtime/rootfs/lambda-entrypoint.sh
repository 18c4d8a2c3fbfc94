#!/bin/sh
# As AWS's image has it: one argument, the handler's name. Outside of Lambda the emulator of its Runtime API comes
# first; inside, there is one already.
# Source: https://docs.aws.amazon.com/lambda/latest/dg/python-image.html (CMD is the handler's name)
if [ $# -ne 1 ]; then
  echo "entrypoint requires the handler name to be the first argument" >&2
  exit 142
fi
export _HANDLER="$1"
if [ -z "${AWS_LAMBDA_RUNTIME_API}" ]; then
  exec /var/rapid/aws-lambda-rie /var/runtime/bootstrap
fi
exec /var/runtime/bootstrap
