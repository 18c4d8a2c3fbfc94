#!/bin/sh
# Outside of Lambda the emulator of its Runtime API comes first; inside, there is one already.
# Source: https://docs.aws.amazon.com/lambda/latest/dg/python-image.html
if [ -z "${AWS_LAMBDA_RUNTIME_API}" ]; then
  exec /var/rapid/aws-lambda-rie /var/runtime/bootstrap "$@"
fi
exec /var/runtime/bootstrap "$@"
